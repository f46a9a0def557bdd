"""Attention written out by hand: softmax(QKᵀ)·V found as data flow, in whatever operations it is spelled.

Read backwards from each product: its weights come through dropout and casts from a softmax, whose input comes through
scaling, masks and casts from a product of queries and keys. The shapes of PyTorch's own matcher
(``torch/_inductor/fx_passes/fuse_attention.py``) and einsum in any letter order are covered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

import libcst as cst

from ..knowledge import table
from . import einsum
from .constants import as_integer, as_text, is_new_axis, is_true
from .context import keyword
from .masks import Masks
from .names import last_name
from .tensors import Operation, Place, group
from .tree import Node

if TYPE_CHECKING:
    from .program import Code


@dataclass(frozen=True, slots=True)
class Step:
    """What happens on the way: ``scale``, ``add``, ``fill``, ``gate``, ``transpose``, ``view``, ``upcast``, ``dropout`` …"""

    kind: str
    node: Node  #: the expression or augmented assignment
    operand: Node | None = None  #: the other operand: the scale, the mask


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a value comes from, through which steps; several ends where branches of the code lead to several."""

    ends: tuple[Place, ...] = ()
    steps: tuple[Step, ...] = ()

    def joined(self, other: Trail) -> Trail:
        """Return both together."""
        return Trail(tuple(dict.fromkeys((*self.ends, *other.ends))), tuple(dict.fromkeys((*self.steps, *other.steps))))

    def kinds(self) -> set[str]:
        """Return the kinds of the steps."""
        return {step.kind for step in self.steps}


@dataclass(frozen=True, slots=True)
class Product:
    """A product of two tensors: ``left @ right``, or an einsum with its equation."""

    place: Place
    left: Node
    right: Node
    equation: einsum.Equation | None = None
    scale: Node | None = None  #: ``alpha`` of ``baddbmm``
    mask: Node | None = None  #: what ``baddbmm`` adds


@dataclass(frozen=True, slots=True)
class Attention:
    """One softmax(QKᵀ)·V. ``value`` and the operands of ``scores`` are as written."""

    product: Product  #: weights·V
    softmax: Operation
    scores: Product  #: QKᵀ
    value: Node
    query: Place
    key: Place
    before: tuple[Step, ...]  #: between QKᵀ and the softmax
    after: tuple[Step, ...]  #: between the softmax and ·V
    #: Axis of the scores that ·V sums over, from the end (-1, -2 …); None where it cannot be told.
    key_axis: int | None
    #: Axis of the softmax, from the end; None where it is not given or cannot be told.
    softmax_axis: int | None
    rank: int | None  #: number of axes of the scores, where the code shows it

    @property
    def is_over_keys(self) -> bool | None:
        """Does the softmax run over the keys? None where the code does not show it."""
        if self.key_axis is None or self.softmax_axis is None:
            return None
        return self.key_axis == self.softmax_axis

    @property
    def changed_after_softmax(self) -> tuple[Step, ...]:
        """What changes the weights between the softmax and V, dropout aside."""
        return tuple(step for step in self.after if step.kind in ("gate", "fill", "add"))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every part of the computation, from QKᵀ to the product with V."""
        steps = (step.node for step in (*self.before, *self.after))
        return (self.scores.place.node, *steps, self.softmax.node, self.product.place.node)

    def steps(self, *kinds: str) -> list[Step]:
        """Return the steps before the softmax of these kinds."""
        return [step for step in self.before if step.kind in kinds]


#: What an operation is on the way back: a step, with each operand that the way may go on to; True for the end of the way.
_StepReader = Callable[[Operation], list[tuple[Node, Step]] | bool | None]


class Attentions:
    """The hand-written attentions of a file."""

    def __init__(self, code: Code) -> None:
        self._code, self._tensors = code, code.tensors
        self._trails: dict[tuple[str, int, int], Trail | None] = {}

    @cached_property
    def all(self) -> tuple[Attention, ...]:
        """Every softmax(QKᵀ)·V, in the order of the last product."""
        products = list(self._products())
        found = {id(a.product.place.node): a for product in products for a in self._read(product)}
        return tuple(sorted(found.values(), key=lambda a: self._code.tree.start(a.product.place.node)))

    # ---- products

    def _products(self) -> Iterator[Product]:
        calls = self._code.calls("matmul", "bmm", "mm", "einsum", "baddbmm", "contract")
        operators = (n for n in self._code.all(cst.BinaryOperation) if isinstance(n.operator, cst.MatrixMultiply))
        for node in (*calls, *operators):
            if (product := self.product(Place(node))) is not None:
                yield product

    def product(self, place: Place) -> Product | None:
        """Return the product of two tensors that an expression computes."""
        operation = self._tensors.operation(place.node)
        if operation is None:
            return None
        operands = operation.operands
        if operation.name in group("products") and len(operands) == 2:
            return Product(place, operands[0], operands[1])
        if operation.name == "matmul" and len(operands) == 1 and operation.call is not None:
            other = keyword(operation.call, "other")
            return None if other is None else Product(place, operands[0], other)
        if operation.name == "baddbmm" and len(operands) >= 3 and operation.call is not None:
            alpha = keyword(operation.call, "alpha")
            return Product(place, operands[1], operands[2], scale=alpha, mask=operands[0])
        if operation.name in ("einsum", "contract"):
            return self._einsum(place, operands)
        return None

    def _einsum(self, place: Place, operands: tuple[Node, ...]) -> Product | None:
        """Read ``einsum(equation, a, b)``, einops' ``einsum(a, b, equation)`` and ``einsum(equation, [a, b])``."""
        if len(operands) == 2 and isinstance(operands[1], (cst.List, cst.Tuple)):
            operands = (operands[0], *(element.value for element in operands[1].elements))
        if len(operands) != 3:
            return None
        texts = [self._text(operand) for operand in operands]
        where = next((i for i in (0, 2) if texts[i] is not None), None)
        if where is None:
            return None
        equation = einsum.parse(texts[where] or "")
        left, right = (operand for i, operand in enumerate(operands) if i != where)
        return None if equation is None else Product(place, left, right, equation)

    def _text(self, node: Node) -> str | None:
        if isinstance(node, cst.FormattedString):
            # the batch axes of `f'b h i d, {kv_einsum_eq} -> b h i j'` do not matter
            parts = [part.value if isinstance(part, cst.FormattedStringText) else None for part in node.parts]
            if parts.count(None) == 1 and parts[0] is not None:
                inside = next(part for part in node.parts if isinstance(part, cst.FormattedStringExpression))
                choices = self._code.values.constants(inside.expression)
                if choices and isinstance(choices[0], str):
                    return "".join(choices[0] if part is None else part for part in parts)
        if isinstance(node, cst.Name) and (constants := self._code.values.constants(node)) and len(constants) == 1:
            return constants[0] if isinstance(constants[0], str) else None
        return as_text(node)

    # ---- from ·V back to the softmax, from there to QKᵀ

    def _read(self, product: Product) -> Iterator[Attention]:
        for weights, value in ((product.left, product.right), (product.right, product.left)):
            trail = self._trail(Place(weights, product.place.frame), self._weights_step, "weights")
            if trail is None or len(trail.ends) != 1 or self._trail_is_softmax(value, product):
                continue
            softmax = self._tensors.operation(trail.ends[0].node)
            if softmax is None or not softmax.operands:
                continue
            scores = self._trail(Place(softmax.operands[0], trail.ends[0].frame), self._scores_step, "scores")
            if scores is None or not scores.ends:
                continue
            found = self._attention(product, weights, value, trail, softmax, scores)
            if found is not None:
                yield found
                return

    def _trail_is_softmax(self, value: Node, product: Product) -> bool:
        """Are the values themselves a softmax? Then neither side is the weights of the other."""
        trail = self._trail(Place(value, product.place.frame), self._weights_step, "weights")
        return trail is not None and bool(trail.ends)

    def _attention(
        self, product: Product, weights: Node, value: Node, after: Trail, softmax: Operation, before: Trail
    ) -> Attention | None:
        scores = self.product(before.ends[0])
        if scores is None or not all(self._is_query_key(end) for end in before.ends):
            return None
        key_axis = self._contracted(product, weights is product.left, "transpose" in after.kinds())
        if not self._sums_over_rows(scores, key_axis):
            return None
        rank = self._rank(Place(softmax.operands[0], after.ends[0].frame))
        if product.equation is not None and einsum.ELLIPSIS not in (*product.equation.left, *product.equation.right):
            rank = len(product.equation.left if weights is product.left else product.equation.right)
        steps = before.steps
        if scores.scale is not None:
            steps = (*steps, Step("scale", scores.place.node, scores.scale))
        key_is_left = self._key_is_left(scores, key_axis)
        frame = scores.place.frame
        query, key = (scores.right, scores.left) if key_is_left else (scores.left, scores.right)
        return Attention(
            product=product,
            softmax=softmax,
            scores=scores,
            value=value,
            query=Place(query, frame),
            key=Place(key, frame),
            before=steps,
            after=after.steps,
            key_axis=key_axis,
            softmax_axis=self._softmax_axis(softmax, rank),
            rank=rank,
        )

    def _trail(self, place: Place, step: _StepReader, stage: str) -> Trail | None:
        """Follow a value back; None where any of its sources leads elsewhere. A source met again adds nothing."""
        key = (stage, *place.key)
        if key in self._trails:
            return self._trails[key]
        self._trails[key] = Trail()
        self._trails[key] = found = self._trace(place, step, stage)
        return found

    def _trace(self, place: Place, step: _StepReader, stage: str) -> Trail | None:
        operation = self._tensors.operation(place.node)
        if operation is not None:
            taken = step(operation)
            if taken is True:
                return Trail((place,))
            if isinstance(taken, list):
                for operand, passed in taken:
                    trail = self._trail(Place(operand, place.frame), step, stage)
                    if trail is not None and trail.ends:
                        return Trail(trail.ends, (*trail.steps, passed))
                return None
        sources = self._tensors.sources(place)
        if sources is None:
            return None
        joined = Trail()
        for source in sources:
            trail = self._trail(source, step, stage)
            if trail is None:
                return None
            joined = joined.joined(trail)
        return joined

    def step_back(self, operation: Operation, stage: Literal["weights", "scores"]) -> tuple[Node, Step] | bool | None:
        """Return, on the way from ·V back to QKᵀ, the operand that an operation works on and what it does to it.

        True where the stage ends with this operation (the softmax, QKᵀ); None where it is no step of an attention.
        """
        step = self._weights_step if stage == "weights" else self._scores_step
        taken = step(operation)
        if not isinstance(taken, list):
            return taken
        for operand, passed in taken:
            trail = self._trail(Place(operand), step, stage)
            if trail is not None and trail.ends:
                return operand, passed
        return None

    def _weights_step(self, operation: Operation) -> list[tuple[Node, Step]] | bool | None:
        name, operands = operation.name, operation.operands
        if not operands:
            return None
        first = operands[0]
        if name in group("softmaxes"):
            return True
        if name in group("dropouts"):
            return [(first, Step("dropout", operation.node, operation.setting(0, "p")))]
        if name in group("casts") or name in group("repairs"):
            return [(first, Step("cast", operation.node))]
        if name in group("views"):
            return [(first, Step("view", operation.node))]
        if name in group("transposes") and self._swaps_last_two(operation):
            return [(first, Step("transpose", operation.node))]
        if name in ("mul", "multiply") and len(operands) == 2:
            return [(o, Step("gate", operation.node, operands[1 - i])) for i, o in enumerate(operands)]
        if name == "masked_fill" and len(operands) >= 2:
            return [(first, Step("fill", operation.node, operands[1]))]
        return None

    def _scores_step(self, operation: Operation) -> list[tuple[Node, Step]] | bool | None:
        name, operands = operation.name, operation.operands
        if name in group("products") or name in ("einsum", "contract", "baddbmm"):
            return True
        if not operands:
            return None
        first = operands[0]
        if name in group("scalings") and len(operands) == 2:
            kind = "divide" if name in ("div", "divide", "true_divide") else "scale"
            both = operands if kind == "scale" else operands[:1]
            return [
                (o, Step(kind, operation.node, operands[1 - i]))
                for i, o in enumerate(both)
                if self._may_scale(operands[1 - i])
            ]
        if name in group("additions") and len(operands) == 2:
            if name == "add":
                options = [(o, Step("add", operation.node, operands[1 - i])) for i, o in enumerate(operands)]
                return options if not all(self._leads_to_product(o) for o in operands) else None
            kind = "shift" if self._is_own_maximum(operands[1]) else "add"
            return [(first, Step(kind, operation.node, operands[1]))]
        if name == "masked_fill" and len(operands) >= 2:
            return (
                None if self._depends_on(operands[1], first) else [(first, Step("fill", operation.node, operands[1]))]
            )
        if name == "where" and len(operands) == 3:
            if self._depends_on(operands[0], operands[1]) or self._depends_on(operands[0], operands[2]):
                return None
            return [(o, Step("where", operation.node, operands[0])) for o in operands[1:]]
        if name in group("clamps") and len(operands) >= 1 and name != "max":
            return [(first, Step("clamp", operation.node))]
        if name == "max" and len(operands) == 2 and as_integer(operands[1]) is None:
            return [(first, Step("clamp", operation.node))]
        if name in group("casts") or name in group("repairs"):
            return [(first, Step("cast", operation.node))]
        if name in group("views"):
            return [(first, Step("view", operation.node))]
        if name in group("triangles"):
            return [(first, Step("triangle", operation.node))]
        return None

    def _may_scale(self, node: Node) -> bool:
        """May the factor be a number or one per head, rather than a tensor as large as the scores?"""
        gates = {*group("products"), *group("softmaxes"), *_words("gate_makers")}
        values = [node]
        if isinstance(node, cst.Name):
            values += [
                binding.value
                for binding in self._code.values.definitions(node)
                if binding.value is not None and not binding.path
            ]
        operations = (self._tensors.operation(value) for value in values)
        return not any(operation is not None and operation.name in gates for operation in operations)

    def _leads_to_product(self, node: Node) -> bool:
        trail = self._trail(Place(node), self._scores_step, "scores")
        return trail is not None and bool(trail.ends)

    def _is_own_maximum(self, node: Node) -> bool:
        """``scores - scores.amax(-1, keepdim=True)``, which changes no softmax."""
        inner = node.value if isinstance(node, (cst.Subscript, cst.Attribute)) else node
        operation = self._tensors.operation(self._tensors.followed(Place(inner)).node)
        return operation is not None and operation.name in ("amax", "max", "detach")

    def _depends_on(self, mask: Node, scores: Node) -> bool:
        """Is the mask made from the scores themselves (a top-k, a threshold)? Then no fused attention can take it."""
        names = (
            {name.value for name in self._code.tree.within(scores, cst.Name)} if isinstance(scores, cst.Name) else set()
        )
        if not names:
            return False
        texts = [mask]
        followed = self._tensors.followed(Place(mask)).node
        if followed is not mask and not isinstance(followed, cst.AugAssign):
            texts.append(followed)
        for text in texts:
            for name in self._code.tree.within(text, cst.Name):
                if name.value in names:
                    parent = self._code.tree.parent(name)
                    if isinstance(parent, cst.Attribute) and parent.attr.value in ("dtype", "shape", "device", "size"):
                        continue
                    if not self._lends_its_shape(name):
                        return True
        return False

    def _lends_its_shape(self, name: cst.Name) -> bool:
        """Is the name an argument of ``expand_as`` and its like, which take only a shape?"""
        argument = self._code.tree.parent(name)
        call = self._code.tree.parent(argument) if isinstance(argument, cst.Arg) else None
        if not isinstance(call, cst.Call):
            return False
        called = last_name(call.func) or ""
        return called.endswith(("_as", "_like"))

    # ---- axes

    def _is_query_key(self, place: Place) -> bool:
        """Is the product one of queries and keys: each row of one with each row of the other, over their features?"""
        product = self.product(place)
        if product is None:
            return False
        if any(self._is_weight(Place(side, place.frame)) for side in (product.left, product.right)):
            return False
        if any(self._is_single(Place(side, place.frame)) for side in (product.left, product.right)):
            return False
        if product.equation is not None:
            equation = product.equation
            return len(equation.contracted) == 1 and bool(equation.only_left) and bool(equation.only_right)
        left, right = (self._orientation(Place(side, place.frame)) for side in (product.left, product.right))
        if left.swapped and not left.is_channels_first and left.explicit:
            return False  # features by features: attention over channels
        if not left.swapped and left.is_channels_first:
            return False  # summed over the pixels: attention over channels
        return left.swapped != right.swapped or right.swapped

    def _orientation(self, place: Place) -> _Orientation:
        """Tell how the last two axes of an operand come to stand as they do."""
        swapped = explicit = has_four_axes = False
        for _ in range(12):
            operation = self._tensors.operation(place.node)
            if operation is None:
                if isinstance(place.node, cst.Subscript):
                    break
                found = self._tensors.sources(place)
                if not found:
                    break
                place = found[-1]
                continue
            if operation.name in group("transposes"):
                axes = {as_integer(o) for o in operation.operands[1:]}
                if axes == {1, 2} and has_four_axes:
                    pass  # heads and positions
                elif self._swaps_last_two(operation):
                    swapped = not swapped
                    explicit = explicit or self._swaps_by_negative_axes(operation)
                elif operation.name != "permute" and operation.name not in ("transpose", "swapaxes"):
                    break
                has_four_axes = has_four_axes or 3 in axes
                place = Place(operation.operands[0], place.frame)
            elif operation.name == "rearrange":
                flat, flipped = self._rearranged(operation)
                return _Orientation(swapped != flipped, explicit, flat)
            elif operation.name in group("views"):
                return _Orientation(swapped, explicit, self._is_channels_first(operation))
            elif operation.name in group("casts") or operation.name in group("scalings"):
                place = Place(operation.operands[0], place.frame)
            else:
                break
        return _Orientation(swapped, explicit, self._comes_from_convolution(place))

    def _comes_from_convolution(self, place: Place) -> bool:
        """``conv(x)`` with nothing done to its shape: channels before pixels."""
        call = place.node
        if not isinstance(call, cst.Call):
            return False
        return any(name.startswith("torch.nn.Conv") for name in self._code.values.made_by(call.func))

    def _swaps_by_negative_axes(self, operation: Operation) -> bool:
        return operation.name in ("mT", "mH") or {as_integer(o) for o in operation.operands[1:]} in ({-1, -2}, {2, 3})

    def _swaps_last_two(self, operation: Operation) -> bool:
        if operation.name in ("mT", "T", "mH", "t", "adjoint"):
            return True
        axes = [as_integer(o) for o in operation.operands[1:]]
        if len(axes) == 1 and isinstance(operation.operands[1], (cst.Tuple, cst.List)):
            axes = [as_integer(e.value) for e in operation.operands[1].elements]
        if operation.name == "permute":
            if len(axes) < 2 or None in axes:
                return False
            last = [axis if axis is not None and axis >= 0 else (axis or 0) + len(axes) for axis in axes[-2:]]
            return last[0] == last[1] + 1 if len(axes) != 4 else last in ([3, 1], [3, 2])
        if operation.name in ("transpose", "swapaxes", "swapdims"):
            pair = set(axes)
            if pair == {1, 2}:  # in four axes this moves the heads, in three it swaps rows and features
                return self._rank(Place(operation.operands[0])) != 4
            return pair in ({-1, -2}, {2, 3}, {0, 1})
        return False

    def _rearranged(self, operation: Operation) -> tuple[bool, bool]:
        """Return, of an einops pattern: does it leave pixels last; does it leave features before positions?"""
        pattern = next((t for o in operation.operands[1:] if (t := self._text(o)) is not None), None)
        if pattern is None or "->" not in pattern:
            return False, False
        result = pattern.partition("->")[2].strip()
        if result.endswith(")"):
            inside = result[result.rindex("(") + 1 : -1].split()
            before = result[: result.rindex("(")].split()
            pixels = set(inside) <= {"h", "w", "x", "y", "H", "W", "t", "f", "p1", "p2", "d1", "d2"} and len(inside) > 1
            return pixels and bool(before) and before[-1] in {"c", "d", "C", "dim"}, False
        axes = result.split()
        flipped = len(axes) >= 2 and axes[-2] in {"d", "c", "dh", "hd"} and axes[-1] in {"n", "s", "t", "j", "l", "i"}
        return False, flipped

    def _is_channels_first(self, view: Operation) -> bool:
        """``x.view(b, c, h * w)``, ``x.flatten(2)``: pixels last."""
        if view.name == "flatten":
            return [as_integer(o) for o in view.operands[1:2]] == [2] or (
                view.call is not None
                and (start := keyword(view.call, "start_dim")) is not None
                and as_integer(start) == 2
            )
        shape = view.operands[1:]
        if len(shape) == 1 and isinstance(shape[0], (cst.Tuple, cst.List)):
            shape = tuple(element.value for element in shape[0].elements)
        if len(shape) not in (3, 4):
            return False
        last, before = shape[-1], shape[-2]
        channels = isinstance(before, cst.Name) and before.value in _words("channel_names")
        pixels = isinstance(last, cst.BinaryOperation) and isinstance(last.operator, cst.Multiply)
        if pixels and any("head" in n.value or "dim" in n.value for n in self._code.tree.within(last, cst.Name)):
            pixels = False
        return (channels and (pixels or as_integer(last) == -1)) or (pixels and as_integer(before) == -1)

    def _contracted(self, product: Product, weights_left: bool, transposed: bool) -> int | None:
        """Return the axis of the weights (before any transposition) that the product with V sums over."""
        if product.equation is None:
            axis = -1 if weights_left else -2
            return axis if not transposed else -3 - axis
        equation = product.equation
        if transposed or len(equation.contracted) != 1:
            return None
        return einsum.from_end(equation.left if weights_left else equation.right, equation.contracted[0])

    @staticmethod
    def _sums_over_rows(scores: Product, axis: int | None) -> bool:
        """Does the second product sum over queries or keys? A sum over another axis mixes heads."""
        if axis is None:
            return True
        if scores.equation is None:
            return axis in (-1, -2)
        result = scores.equation.result
        return -axis <= len(result) and result[axis] in (*scores.equation.only_left, *scores.equation.only_right)

    @staticmethod
    def _key_is_left(scores: Product, key_axis: int | None) -> bool:
        if scores.equation is None:
            return key_axis == -2
        if key_axis is None or -key_axis > len(scores.equation.result):
            return False
        return scores.equation.result[key_axis] in scores.equation.only_left

    def _softmax_axis(self, softmax: Operation, rank: int | None) -> int | None:
        given = softmax.setting(0, "dim")
        if given is None:
            return None
        axis = as_integer(given)
        if axis is None or axis < 0:
            return axis
        return axis - rank if rank is not None and axis < rank else None

    def rank(self, node: Node) -> int | None:
        """Return the number of axes of a tensor where the code shows it."""
        return self._rank(Place(node))

    def _rank(self, place: Place, depth: int = 10) -> int | None:
        """Return the number of axes of a tensor where the code shows it."""
        operation = self._tensors.operation(place.node)
        if depth == 0:
            return None
        if operation is None:
            return self._unpacked_rank(place, depth)
        name, operands = operation.name, operation.operands
        if name == "bmm" or name == "baddbmm":
            return 3
        if name in ("einsum", "contract"):
            product = self.product(place)
            if product is None or product.equation is None or einsum.ELLIPSIS in product.equation.result:
                return None
            return len(product.equation.result)
        if name in ("view", "reshape"):
            shape = operands[1:]
            if len(shape) == 1 and isinstance(shape[0], (cst.Tuple, cst.List)):
                shape = tuple(e.value for e in shape[0].elements)
                return None if any(isinstance(e, cst.StarredElement) for e in shape) else len(shape)
            starred = any(arg.star for arg in operation.call.args) if operation.call is not None else False
            return len(shape) if len(shape) > 1 and not starred else None
        if name == "permute" and len(operands) > 1:
            listed = operands[1] if isinstance(operands[1], (cst.Tuple, cst.List)) else None
            return len(listed.elements) if listed is not None else len(operands) - 1 if len(operands) > 2 else None
        if name == "rearrange":
            text = next((t for o in operands[1:] if (t := self._text(o)) is not None), None)
            return None if text is None else _einops_rank(text.partition("->")[2])
        if name in group("products") or name in group("scalings") or name in group("additions"):
            known = [rank for o in operands[:2] if (rank := self._rank(Place(o, place.frame), depth - 1)) is not None]
            return max(known, default=None)
        if (
            name in group("transposes")
            or name in group("casts")
            or name in ("masked_fill", "softmax", "dropout", "unflatten")
        ):
            if name == "unflatten" or not operands:
                return None
            inner = self._rank(Place(operands[0], place.frame), depth - 1)
            axes = [axis for o in operands[1:] if (axis := as_integer(o)) is not None and axis >= 0]
            if inner is None and name in ("transpose", "swapaxes") and 3 in axes:
                return 4
            return inner
        return None

    def _unpacked_rank(self, place: Place, depth: int) -> int | None:
        """Return the number of axes of a value that is assigned, projected, or whose shape is unpacked: ``b, t, d = x.shape``."""
        node = place.node
        if isinstance(node, cst.Call) and node.args and self._is_layer(node):
            return self._rank(Place(node.args[0].value, place.frame), depth - 1)
        found = self._tensors.sources(place)
        if found:
            ranks = {self._rank(source, depth - 1) for source in found[:3]}
            return ranks.pop() if len(ranks) == 1 else None
        bindings = self._code.values.definitions(node) if isinstance(node, cst.Name) else ()
        if len(bindings) == 1 and len(bindings[0].path) == 1 and bindings[0].value is not None:
            return self._rank_of_part(Place(bindings[0].value, place.frame), depth)
        for use in self._code.values.uses(bindings[0]) if len(bindings) == 1 else ():
            shape = self._code.tree.parent(use)
            value = (
                self._code.tree.parent(shape)
                if isinstance(shape, cst.Attribute) and shape.attr.value == "size"
                else shape
            )
            statement = self._code.tree.parent(value) if value is not None else None
            if (
                isinstance(shape, cst.Attribute)
                and shape.attr.value in ("shape", "size")
                and isinstance(statement, cst.Assign)
            ):
                target = statement.targets[0].target
                if statement.value is value and isinstance(target, cst.Tuple):
                    is_starred = any(isinstance(element, cst.StarredElement) for element in target.elements)
                    return None if is_starred else len(target.elements)
        return None

    def _rank_of_part(self, whole: Place, depth: int) -> int | None:
        """Return the number of axes of one of the tensors that a tensor is taken apart into: ``q, k, v = qkv.unbind(0)``."""
        operation = self._tensors.operation(whole.node)
        if operation is None or not operation.operands:
            return None
        if operation.name in ("chunk", "split", "tensor_split"):
            return self._rank(Place(operation.operands[0], whole.frame), depth - 1)
        if operation.name == "unbind":
            rank = self._rank(Place(operation.operands[0], whole.frame), depth - 1)
        else:  # a tensor itself, taken apart along its first axis
            rank = self._rank(whole, depth - 1)
        return None if rank is None else rank - 1

    def _is_weight(self, place: Place) -> bool:
        """Is an operand a parameter or an embedding table, so that the product is a layer and no attention?"""
        node = place.node
        for _ in range(6):
            operation = self._tensors.operation(node)
            if (
                operation is not None
                and operation.name in {*group("transposes"), *group("casts")}
                and operation.operands
            ):
                node = operation.operands[0]
                continue
            if isinstance(node, cst.Name):
                found = self._tensors.sources(Place(node, place.frame))
                if found and len(found) == 1:
                    node = found[0].node
                    continue
            break
        if isinstance(node, cst.Attribute) and node.attr.value in ("weight", "data"):
            return node.attr.value == "weight" or (
                isinstance(node.value, cst.Attribute) and node.value.attr.value == "weight"
            )
        return "torch.nn.Parameter" in self._code.values.made_by(node) if isinstance(node, cst.Attribute) else False

    def _is_single(self, place: Place) -> bool:
        """Is an operand one vector with an axis put in (``query.unsqueeze(1)``)? Then there is no matrix to save."""
        node = self._tensors.followed(place).node
        operation = self._tensors.operation(node)
        same_shape = {*group("transposes"), *group("casts"), *group("scalings")}
        for _ in range(12):
            if operation is not None and operation.operands and operation.name in same_shape:
                place = self._tensors.followed(Place(operation.operands[0], place.frame))
            elif isinstance(node, cst.Call) and node.args and self._is_layer(node):
                place = self._tensors.followed(Place(node.args[0].value, place.frame))
            else:
                break
            node = place.node
            operation = self._tensors.operation(node)
        if operation is None:
            return False
        if operation.name == "mean":  # `x.mean(dim=1, keepdim=True)`
            kept = keyword(operation.call, "keepdim") if operation.call is not None else None
            return is_true(kept)
        if operation.name in ("view", "reshape"):  # `x[:, :1].view(b, 1, heads, d)`: the leading axis is the batch
            return any(as_integer(axis) == 1 for axis in operation.operands[2:])
        if operation.name != "unsqueeze" or len(operation.operands) < 2:
            return False
        inner = self._tensors.operation(self._tensors.followed(Place(operation.operands[0], place.frame)).node)
        return (inner is None or inner.name not in group("views")) and as_integer(operation.operands[1]) in (
            1,
            2,
            -1,
            -2,
        )

    def _is_layer(self, call: cst.Call) -> bool:
        """Is a called module a linear layer, which leaves positions as they are?"""
        return self._code.values.made_by(call.func) == {"torch.nn.Linear"}

    # ---- surroundings

    def can_be_fused(self, attention: Attention) -> bool:
        """Could one fused call take the place of this attention, and is none beside it already?"""
        node = attention.product.place.node
        return (
            attention.is_over_keys is not False
            and not attention.changed_after_softmax
            and not self.is_fallback(node)
            and not self.is_reference(node)
            and not self.is_over_channels(node)
            and not self.weights_are_used(attention)
            and not self.scores_are_used(attention)
        )

    def is_masked(self, attention: Attention) -> bool:
        """Does a mask other than a causal one hide keys in every call, or something on a line of its own that may be one?"""
        masks = Masks(self._code)
        for step in attention.steps("add", "fill", "where", "triangle"):
            branches = (above for above in self._code.tree.ancestors(step.node) if isinstance(above, cst.If))
            if not all(self._code.tree.contains(branch, attention.product.place.node) for branch in branches):
                continue  # `if mask is not None:`
            found = masks.read(step.operand) if step.operand is not None else None
            if found is None or not found.is_causal:
                return True
        return self.fills_in_place(attention)

    def is_fallback(self, node: Node) -> bool:
        """Does a fused attention stand beside the node: the other arm of an ``if``, an early return, a try?

        The same is asked of all callers in the file, when the node is in a helper.
        """
        return self._is_fallback(node, 3) or self._has_fused_relative(node)

    def _has_fused_relative(self, node: Node) -> bool:
        """Does the file hold the same class once more with a fused attention: derived from it, or with its name in its own?"""
        owner = self._code.names.enclosing_class(node)
        if owner is None:
            return False
        return any(
            owner.name.value in other.name.value
            or any(base is owner for base in self._code.context.class_and_bases(other))
            for other in self._fused_classes
            if other is not owner
        )

    @cached_property
    def _fused_classes(self) -> list[cst.ClassDef]:
        return [cls for cls in self._code.all(cst.ClassDef) if self._mentions_fused(cls)]

    def _is_fallback(self, node: Node, depth: int) -> bool:
        tree = self._code.tree
        child = node
        function = None
        for above in tree.ancestors(node):
            if isinstance(above, (cst.If, cst.IfExp)) and child is not above.test:
                other = above.orelse if child is above.body else above.body
                if self._mentions_fused(above.test) or (other is not None and self._mentions_fused(other)):
                    return True
            elif isinstance(above, (cst.Try, cst.ExceptHandler)) and child is not getattr(above, "type", None):
                if isinstance(above, cst.Try) and child is not above.body and self._mentions_fused(above.body):
                    return True
            elif isinstance(above, cst.IndentedBlock) and self._returns_fused_before(above, child):
                return True
            elif isinstance(above, cst.FunctionDef):
                function = above
                break
            child = above
        if function is None or depth == 0:
            return False
        callers = self._code.context.callers(function)
        return bool(callers) and all(self._is_fallback(call, depth - 1) for call in callers)

    def _returns_fused_before(self, block: cst.IndentedBlock, child: Node) -> bool:
        for statement in block.body:
            if statement is child:
                return False
            if isinstance(statement, cst.If) and isinstance(statement.body, cst.IndentedBlock) and statement.body.body:
                last = statement.body.body[-1]
                leaves = isinstance(last, cst.SimpleStatementLine) and isinstance(
                    last.body[-1], (cst.Return, cst.Continue)
                )
                if leaves and (self._mentions_fused(statement.test) or self._mentions_fused(statement.body)):
                    return True
            elif isinstance(statement, cst.Try) and self._mentions_fused(statement.body):
                return True
        return False

    def _mentions_fused(self, node: Node) -> bool:
        words = _words("fused_words")
        tree = self._code.tree
        for name in tree.within(node, cst.Name):
            if _has_word(name.value, words):
                return True
        return any(_has_word(attribute.attr.value, words) for attribute in tree.within(node, cst.Attribute))

    def is_reference(self, node: Node) -> bool:
        """Is the function or class named as the slow form on purpose, or the file a test or benchmark?"""
        words = _words("reference_words")
        for above in self._code.tree.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.ClassDef)) and _has_word(above.name.value, words):
                return True
        path = PurePath(self._code.path)
        folders = {"tests", "test", "testing", "benchmarks", "benchmark"}
        return bool(folders & set(path.parts[:-1])) or path.name.startswith("test_") or path.stem.endswith("_test")

    def is_over_channels(self, node: Node) -> bool:
        """Does a name around say that this attends over channels?"""
        words = _words("channel_words")
        return any(
            _has_word(above.name.value, words)
            for above in self._code.tree.ancestors(node)
            if isinstance(above, (cst.FunctionDef, cst.ClassDef))
        )

    def weights_are_used(self, attention: Attention) -> bool:
        """Are the weights computed with, besides the product with V? Returning, storing or logging them is no use."""
        return self._are_used((attention.softmax.node, *(step.node for step in attention.after)), attention)

    def scores_are_used(self, attention: Attention) -> bool:
        """Are the scores computed with, besides the softmax, so that they have to be made in any case?"""
        steps = (attention.scores.place.node, *(step.node for step in attention.before))
        return self._are_used(steps, attention) or self._is_used_again(attention.softmax.operands[0], attention)

    def _are_used(self, nodes: Iterable[Node], attention: Attention) -> bool:
        for node in nodes:
            statement = self._code.context.statement(node)
            if not isinstance(statement, cst.Assign) or len(statement.targets) != 1:
                continue
            target = statement.targets[0].target
            if not isinstance(target, cst.Name):
                continue
            scope = self._code.context.function(node)
            for name in self._code.tree.within(scope, cst.Name) if scope is not None else ():
                if name.value == target.value and name is not target and self._reaches(name, statement):
                    if self._is_computed_with(name, attention):
                        return True
        return False

    def _is_used_again(self, operand: Node, attention: Attention) -> bool:
        """Is what the softmax takes, if it has a name, computed with elsewhere?"""
        bindings = self._code.values.definitions(operand) if isinstance(operand, cst.Name) else ()
        return len(bindings) == 1 and any(
            use is not operand and self._is_computed_with(use, attention) for use in self._code.values.uses(bindings[0])
        )

    def heads_of(self, attention: Attention, width: Node) -> str | None:
        """Return the text of ``width // heads`` where the class splits this width into heads, and the scores have them."""
        name, node = last_name(width), attention.product.place.node
        owner = self._code.names.enclosing_class(node)
        if name is None or owner is None or (attention.rank or 0) < 4:
            return None
        for division in self._code.tree.within(owner, cst.BinaryOperation):
            is_split = isinstance(division.operator, (cst.FloorDivide, cst.Divide)) and last_name(division.left) == name
            by = last_name(division.right) or ""
            if is_split and (by in _words("head_names") or _has_word(by, _words("head_words"))):
                if self._is_bound_to_a_head(owner, name):
                    return None
                return f"`{self._code.short_text(division, 24)}`"
        return None

    def _is_bound_to_a_head(self, owner: Node, name: str) -> bool:
        """Is the name given the width of a head somewhere in the class (``embed_dim = embed_dim // heads``)?"""
        for assign in self._code.tree.within(owner, cst.Assign):
            if any(last_name(target.target) == name for target in assign.targets):
                if any(
                    isinstance(d.operator, cst.FloorDivide)
                    for d in self._code.tree.within(assign.value, cst.BinaryOperation)
                ):
                    return True
        return False

    def wants_scale(self, attention: Attention) -> bool:
        """Would scores be expected to be scaled: no T5, whose weights are made small, and no scaling on a line of its own?"""
        node = attention.product.place.node
        for above in self._code.tree.ancestors(node):
            if isinstance(above, (cst.FunctionDef, cst.ClassDef)) and _has_word(
                above.name.value, _words("unscaled_words")
            ):
                return False
        function = self._code.context.function(attention.softmax.node)
        calls = self._code.calls("mul_", "div_", "normalize", "multiply_", "divide_")
        return not any(self._code.context.function(call) is function for call in calls)

    def masks_keys(self, step: Step) -> bool:
        """Does a change of the weights set those of some keys to zero: a product with a mask, a fill with zero?"""
        if step.operand is None:
            return False
        masks = Masks(self._code)
        if step.kind == "fill":
            operation = self._tensors.operation(step.node)
            if operation is None or len(operation.operands) != 3 or not masks.is_zero(operation.operands[2]):
                return False
        if masks.read(step.operand) is not None:
            return True
        tree = self._code.tree
        names = [name.value for name in tree.within(step.operand, cst.Name)]
        names += [attribute.attr.value for attribute in tree.within(step.operand, cst.Attribute)]
        if any(_has_word(name, _words("other_mask_words")) for name in names) or self._is_over_rows(step.operand):
            return False
        return any(_has_word(name, _words("mask_words")) for name in names)

    def _is_over_rows(self, mask: Node) -> bool:
        """Has a mask a last axis of 1 put in (``mask.unsqueeze(-1)``, ``mask[..., None]``), so that whole queries go?"""
        for call in self._code.tree.within(mask, cst.Call):
            if last_name(call.func) == "unsqueeze" and call.args and as_integer(call.args[0].value) in (-1, 2, 3):
                return True
        return any(is_new_axis(subscript.slice[-1].slice) for subscript in self._code.tree.within(mask, cst.Subscript))

    def fills_in_place(self, attention: Attention) -> bool:
        """Are scores masked in place on a line of its own (``scores.masked_fill_(…)``) in the function of the softmax?"""
        function = self._code.context.function(attention.softmax.node)
        calls = self._code.calls("masked_fill_", "add_", "sub_", "index_fill_")
        parts = (node.target for node in self._code.all(cst.AssignTarget) if isinstance(node.target, cst.Subscript))
        assigned = (part for part in parts if isinstance(part.value, cst.Name))  # `scores[mask] = -inf`, and no cache
        return any(self._code.context.function(node) is function for node in (*calls, *assigned))

    def _reaches(self, name: cst.Name, statement: Node) -> bool:
        return any(binding.node is statement for binding in self._code.values.definitions(name))

    def _is_computed_with(self, name: cst.Name, attention: Attention) -> bool:
        """Is this use of scores or weights arithmetic other than the steps that lead to the product with V?"""
        steps = (*attention.before, *attention.after)
        known = {id(attention.product.place.node), id(attention.softmax.node), *(id(step.node) for step in steps)}
        if self._lends_its_shape(name):
            return False
        child: Node = name
        for above in self._code.tree.ancestors(name):
            if id(above) in known:
                return False
            if isinstance(above, cst.Attribute) and above.attr.value in ("shape", "dtype", "device", "size", "ndim"):
                return False
            if isinstance(above, (cst.BinaryOperation, cst.Comparison)):
                return True
            if isinstance(above, cst.Call) and child is not above.func:
                if isinstance(
                    self._code.tree.parent(above), cst.Expr
                ):  # handed over whole: a logger, or a cache that needs it
                    return not _has_word(last_name(above.func) or "", _words("logging_words"))
                return self._tensors.operation(above) is not None
            if isinstance(above, cst.BaseSmallStatement):
                return False
            child = above
        return False


@dataclass(frozen=True, slots=True)
class _Orientation:
    swapped: bool  #: are the last two axes exchanged on the way?
    explicit: bool  #: by an exchange of the last two, whatever their number
    is_channels_first: bool  #: did they stand as channels, pixels before?


def _einops_rank(result: str) -> int | None:
    if "..." in result:
        return None
    rank, depth = 0, 0
    for token in result.replace("(", " ( ").replace(")", " ) ").split():
        if token == "(":
            rank += depth == 0
            depth += 1
        elif token == ")":
            depth -= 1
        elif depth == 0:
            rank += 1
    return rank


def _has_word(name: str, words: frozenset[str]) -> bool:
    lowered = name.lower()
    return any(word in lowered for word in words)


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(table("torch_ops")["attention"][name])
