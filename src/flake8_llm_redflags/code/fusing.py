"""A hand-written attention as one call of ``scaled_dot_product_attention``: the edit, only where every part of it is sure.

The steps between QKᵀ and ·V are read backwards once more, this time through names that are assigned once and read
nowhere else, so that their lines can go. Anything that the call would not carry over exactly ends the attempt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import libcst as cst

from . import einsum
from .arguments import keyword
from .attention import Attention, Product, Step
from .constants import as_integer, is_none, is_true
from .fused import FUSED
from .lineage import are_of_one_length
from .masks import Masks, is_length_of
from .names import Binding, last_name
from .tensors import Operation, group
from .tree import Node
from .trimming import has_no_effect, own_line, statements_for

if TYPE_CHECKING:
    from ..finding import Edit
    from .program import Code

_STEPS = 40
_LINE = 110

_OPPOSITES = {
    "==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">",
}  # fmt: skip


class _Unsure(Exception):
    """Something that the fused call might not carry over."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A step on the way, with what its mask must not be None for it to be taken."""

    step: Step
    operation: Operation
    unless_none: Node | None = None


@dataclass(slots=True)
class _Reading:
    """What was met between ·V and QKᵀ, latest first."""

    after: list[_Taken] = field(default_factory=list)  #: between softmax and ·V
    before: list[_Taken] = field(default_factory=list)  #: between QKᵀ and softmax
    scores: Node | None = None
    gone: list[cst.SimpleStatementLine | cst.If] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)


def fusing_edit(code: Code, attention: Attention) -> Edit | None:
    """Return the edit that puts one fused call in place of the steps of an attention, None where anything is unsure."""
    try:
        return _Fusing(code, attention).edit()
    except _Unsure:
        return None


class _Fusing:
    def __init__(self, code: Code, attention: Attention) -> None:
        self._code, self._attention = code, attention
        self._product = attention.product.place.node
        statement = code.context.statement(self._product)
        line = own_line(code, statement)
        if line is None or attention.product.place.frame is not None or attention.is_over_keys is not True:
            raise _Unsure
        self._line, self._block = line, code.tree.parent(line)
        self._moved: list[Node] = []  #: expressions that are computed at the place of ·V from now on

    def edit(self) -> Edit:
        reading = _Reading()
        weights = self._attention.product.left
        if weights is self._attention.value or self._attention.scores.mask is not None:
            raise _Unsure
        for product in (self._product, self._attention.scores.place.node):
            if isinstance(product, cst.Call) and any(arg.keyword is not None or arg.star for arg in product.args):
                raise _Unsure  # `out=`, and whatever else it may be
        self._walk(weights, reading)
        if reading.scores is not self._attention.scores.place.node:
            raise _Unsure
        swap = self._layout(bool(self._masks(reading)))
        query = self._operand(self._attention.scores.left, swap)
        key = self._operand(self._key(), swap)
        arguments = [query, key, self._shown(self._attention.value, swap)]
        arguments += self._mask_arguments(reading)
        arguments += self._dropout_arguments(reading)
        arguments.append(f"scale={self._scale(reading)}")
        self._check_moved(reading)
        self._check_uses(reading)
        call = self._call(arguments)
        edit = self._code.edit("call scaled_dot_product_attention (a fully masked row gives zeros)", safe=False)
        assert isinstance(self._product, cst.BaseExpression)
        edit.replace_whole(self._product, f"{call}.transpose(1, 2)" if swap else call)
        kept = frozenset(name.value for node in self._moved for name in self._code.tree.within(node, cst.Name))
        feeding = statements_for(self._code, *reading.gone, self._product, kept=kept)
        edit.remove_statements([*reading.gone, *feeding])
        if self._import is not None:
            edit.importing(self._import)
        return edit.done()

    # ---- reading backwards

    def _walk(self, node: Node, reading: _Reading) -> None:
        stage: Literal["weights", "scores"] = "weights"
        condition: Node | None = None
        for _ in range(_STEPS):
            if isinstance(node, cst.Name):
                node, condition = self._assigned(node, reading, stage)
                continue
            operation = self._code.tensors.operation(node)
            taken = self._code.attention.step_back(operation, stage) if operation is not None else None
            if operation is None or not taken:
                raise _Unsure
            if taken is True:
                if condition is not None:
                    raise _Unsure
                if stage == "scores":
                    reading.scores = node
                    return
                if operation.is_module and not self._is_bare_softmax(operation):
                    raise _Unsure
                stage, node = "scores", operation.operands[0]
                continue
            assert isinstance(taken, tuple)
            (reading.after if stage == "weights" else reading.before).append(_Taken(taken[1], operation, condition))
            node = taken[0]
            if condition is not None and not isinstance(node, cst.Name):
                raise _Unsure  # more than one step under the condition
            condition = None
        raise _Unsure

    def _is_bare_softmax(self, operation: Operation) -> bool:
        """Is a called module a softmax alone, rather than one of several in a row?"""
        call = operation.node
        return isinstance(call, cst.Call) and self._code.values.made_by(call.func) == {"torch.nn.Softmax"}

    def _assigned(self, name: cst.Name, reading: _Reading, stage: str) -> tuple[Node, Node | None]:
        """Return what a name was given, and what had to be there for it; its line goes."""
        bindings = sorted(self._code.values.definitions(name), key=lambda binding: binding.at)
        if not bindings or len(bindings) > 2:
            raise _Unsure
        latest = bindings[-1]
        condition = None
        self._in_place(name, bindings, reading, stage)
        if len(bindings) == 2:
            condition = self._guard(latest, reading)
            value = latest.node if latest.kind == "augment" else latest.value
            inner = self._code.tensors.operation(value) if value is not None else None
            taken = self._code.attention.step_back(inner, "scores") if inner is not None and stage == "scores" else None
            if not isinstance(taken, tuple) or not isinstance(taken[0], cst.Name):
                raise _Unsure
            if list(self._code.values.definitions(taken[0])) != [bindings[0]]:
                raise _Unsure
        else:
            self._take_out(latest.node, reading)
        reading.bindings.append(latest)
        if latest.kind == "augment":
            return latest.node, condition
        statement = latest.node
        if (
            latest.kind != "assign"
            or latest.path
            or not isinstance(statement, cst.Assign)
            or len(statement.targets) != 1
        ):
            raise _Unsure
        return statement.value, condition

    def _take_out(self, statement: Node, reading: _Reading) -> None:
        line = own_line(self._code, statement)
        if line is None or self._code.tree.parent(line) is not self._block:
            raise _Unsure
        reading.gone.append(line)

    def _guard(self, binding: Binding, reading: _Reading) -> Node:
        """Return M where the binding is all that ``if M is not None:`` holds; the whole statement goes."""
        line = own_line(self._code, binding.node)
        block = self._code.tree.parent(line) if line is not None else None
        test = self._code.tree.parent(block) if isinstance(block, cst.IndentedBlock) else None
        if not isinstance(test, cst.If) or test.orelse is not None or len(test.body.body) != 1:
            raise _Unsure
        if self._code.tree.parent(test) is not self._block:
            raise _Unsure
        subject = _not_none(test.test)
        if subject is None:
            raise _Unsure
        reading.gone.append(test)
        return subject

    def _in_place(self, name: cst.Name, bindings: list[Binding], reading: _Reading, stage: str) -> None:
        """Take ``scores.masked_fill_(mask, -inf)`` on lines of their own, between the assignment and this use."""
        for use in reversed(self._code.values.uses(bindings[-1])):
            if not self._code.tree.comes_before(use, name):
                continue
            attribute = self._code.tree.parent(use)
            call = self._code.tree.parent(attribute) if isinstance(attribute, cst.Attribute) else None
            statement = self._code.tree.parent(call) if isinstance(call, cst.Call) else None
            if (
                not isinstance(statement, cst.Expr)
                or call is None
                or any(self._code.tree.contains(g, use) for g in reading.gone)
            ):
                continue
            operation = self._code.tensors.operation(call)
            taken = (
                self._code.attention.step_back(operation, "scores")
                if operation is not None and stage == "scores"
                else None
            )
            if operation is None or not isinstance(taken, tuple) or not isinstance(attribute, cst.Attribute):
                raise _Unsure
            if not attribute.attr.value.endswith("_") or len(bindings) > 1:
                raise _Unsure
            line = own_line(self._code, statement)
            if line is not None and self._code.tree.parent(line) is self._block:
                reading.gone.append(line)
                reading.before.append(_Taken(taken[1], operation))
            else:
                guard = self._guard(Binding(name.value, "augment", statement, 0), reading)
                reading.before.append(_Taken(taken[1], operation, guard))

    # ---- what may stand where

    def _check_uses(self, reading: _Reading) -> None:
        """Is everything that goes read only in what goes?"""
        tree = self._code.tree
        for binding in reading.bindings:
            for use in self._code.values.uses(binding):
                if not tree.contains(self._product, use) and not any(tree.contains(line, use) for line in reading.gone):
                    raise _Unsure
        for expression in (*self._moved, self._attention.value):
            for name in tree.within(expression, cst.Name):
                if any(binding in reading.bindings for binding in self._code.values.definitions(name)):
                    raise _Unsure

    def _check_moved(self, reading: _Reading) -> None:
        """Does every expression mean at ·V what it meant where it stood?"""
        if not reading.gone:
            return
        for expression in self._moved:
            if not has_no_effect(self._code, expression):
                raise _Unsure
            for name in self._code.tree.within(expression, cst.Name):
                here = {id(binding) for binding in self._code.values.definitions(name)}
                there = {id(binding) for binding in self._code.values.definitions_at(name.value, self._product)}
                if here != there:
                    raise _Unsure

    def _text(self, node: Node) -> str:
        self._moved.append(node)
        text = self._code.text_of(node)
        if "\n" in text or "#" in text:
            raise _Unsure
        return text

    def _atom(self, node: Node) -> str:
        """Return the text of a node, such that a dot or a sign may stand beside it."""
        self._text(node)
        return self._code.text_as_operand(node)

    # ---- operands

    def _operand(self, node: Node | str, swap: bool) -> str:
        if isinstance(node, str):
            return f"{node}.transpose(1, 2)" if swap else node
        return self._shown(node, swap)

    def _shown(self, node: Node, swap: bool) -> str:
        """Return the text of an operand, its heads brought before its positions."""
        if self._code.tensors.operation(node) is not None and self._is_upcast(node):
            raise _Unsure
        text = self._text(node)
        return f"{self._code.text_as_operand(node)}.transpose(1, 2)" if swap else text

    def _is_upcast(self, node: Node) -> bool:
        """Is the type of one operand changed here, which must be that of the others?"""
        operation = self._code.tensors.operation(node)
        while operation is not None and operation.operands:
            if operation.name in ("float", "half", "bfloat16", "double", "type", "type_as"):
                return True
            if operation.name == "to":
                return True
            operation = self._code.tensors.operation(operation.operands[0])
        return False

    def _key(self) -> Node | str:
        """Return the keys, positions before features."""
        scores = self._attention.scores
        if scores.equation is not None:
            return scores.right
        node = scores.right
        operation = self._code.tensors.operation(node)
        name = operation.name if operation is not None else ""
        if operation is not None and operation.operands and operation.name in group("transposes"):
            axes = [as_integer(axis) for axis in operation.rest]
            has_three_axes = self._code.attention.rank(scores.place.node) == 3
            swaps_last = (
                name in ("mT", "T", "t")
                or (name in ("transpose", "swapaxes") and set(axes) in ({-1, -2}, {2, 3}))
                or (name in ("transpose", "swapaxes") and set(axes) == {1, 2} and has_three_axes)
                or (name == "permute" and axes in ([0, 1, 3, 2], [0, 2, 1]))
            )
            if swaps_last:
                return operation.operands[0]
        return f"{self._atom(node)}.transpose(-2, -1)"

    def _layout(self, is_masked: bool) -> bool:
        """Return whether heads stand behind positions; anything but that and the usual order is unsure."""
        scores, product = self._attention.scores, self._attention.product
        if scores.equation is None and product.equation is None:
            return False
        if scores.equation is None or product.equation is None:
            mixed = scores if scores.equation is not None else product
            if not _is_plain(mixed, is_scores=mixed is scores):
                raise _Unsure
            return False
        if _is_plain(scores, is_scores=True) and _is_plain(product, is_scores=False):
            if len(scores.equation.result) != len(product.equation.left):
                raise _Unsure
            return False
        if _is_heads_third(scores.equation, product.equation, is_masked):
            return True
        raise _Unsure

    # ---- scale

    def _scale(self, reading: _Reading) -> str:
        """Return the text of the factor between QKᵀ and the softmax."""
        if self._attention.scores.scale is not None:
            raise _Unsure
        factors: list[str] = []
        for taken in reversed(reading.before):
            kind, operand = taken.step.kind, taken.step.operand
            if kind not in ("scale", "divide"):
                continue
            if operand is None or taken.unless_none is not None or not self._is_number(operand, 4):
                raise _Unsure
            text = self._text(operand)
            shown = f"({text})" if isinstance(operand, (cst.BinaryOperation, cst.UnaryOperation)) else text
            factors.append(f"1 / {shown}" if kind == "divide" else shown)
            alone = text if kind == "scale" else factors[0]
        return " * ".join(factors) if len(factors) > 1 else alone if factors else "1.0"

    def _is_number(self, node: Node, left: int) -> bool:
        """Is a factor surely a Python number?"""
        code = self._code
        if isinstance(node, (cst.Integer, cst.Float)):
            return True
        if left == 0:
            return False
        if isinstance(node, cst.UnaryOperation):
            return self._is_number(node.expression, left)
        if isinstance(node, cst.BinaryOperation):
            if isinstance(node.operator, cst.Power):
                return self._is_number(node.right, left - 1) and not self._is_tensor(node.left)
            return self._is_number(node.left, left - 1) and self._is_number(node.right, left - 1)
        if isinstance(node, cst.Call):
            if code.qualified_name(node.func) in (
                "math.sqrt",
                "numpy.sqrt",
                "builtins.float",
                "builtins.int",
                "math.pow",
            ):
                return True
            return isinstance(node.func, cst.Attribute) and node.func.attr.value == "size" and len(node.args) == 1
        if isinstance(node, cst.Subscript):
            return isinstance(node.value, cst.Attribute) and node.value.attr.value == "shape"
        if isinstance(node, cst.Attribute):
            owner = (
                code.names.enclosing_class(node)
                if isinstance(node.value, cst.Name) and node.value.value == "self"
                else None
            )
            bindings = code.names.attribute_bindings(owner, node.attr.value) if owner is not None else []
        elif isinstance(node, cst.Name):
            bindings = code.values.definitions(node)
        else:
            return False
        return bool(bindings) and all(self._gives_number(binding, left - 1) for binding in bindings)

    def _gives_number(self, binding: Binding, left: int) -> bool:
        if binding.kind == "param":
            annotation = getattr(binding.node, "annotation", None)
            return annotation is not None and self._code.text_of(annotation.annotation) in ("int", "float")
        if binding.kind != "assign" or binding.value is None:
            return False
        value: Node = binding.value
        if len(binding.path) == 1 and isinstance(binding.path[0], int):
            if isinstance(value, cst.Tuple) and binding.path[0] < len(value.elements):
                return self._is_number(value.elements[binding.path[0]].value, left)
            if isinstance(value, cst.Attribute):
                return value.attr.value == "shape"
            return isinstance(value, cst.Call) and last_name(value.func) == "size" and not value.args
        return not binding.path and self._is_number(value, left)

    def _is_tensor(self, node: Node) -> bool:
        made_by = self._code.values.made_by(node)
        return any(name.startswith("torch.") for name in made_by)

    # ---- mask

    def _masks(self, reading: _Reading) -> list[_Taken]:
        kinds = ("add", "fill", "where")
        return [taken for taken in reversed(reading.before) if taken.step.kind in kinds]

    def _mask_arguments(self, reading: _Reading) -> list[str]:
        for taken in reading.before:
            if taken.step.kind not in ("add", "fill", "where", "scale", "divide", "cast", "shift"):
                raise _Unsure
            if taken.step.kind == "cast" and self._narrows(taken.operation):
                raise _Unsure
        masks = self._masks(reading)
        if not masks:
            return []
        if len(masks) == 1 and self._is_causal(masks[0]):
            return ["is_causal=True"]
        if masks[0].step.kind == "add" and len(masks) == 1:
            always, at_times = [self._added(masks[0], reading)], []
        elif any(taken.step.kind == "add" for taken in masks):
            raise _Unsure
        else:
            always = [self._kept(taken) for taken in masks if taken.unless_none is None]
            at_times = [self._kept(taken) for taken in masks if taken.unless_none is not None]
        subjects = {self._text(taken.unless_none) for taken in masks if taken.unless_none is not None}
        if not subjects:
            return [f"attn_mask={_all_of(always)}"]
        if len(subjects) > 1:
            raise _Unsure
        if masks[0].step.kind == "add":
            always, at_times = [], always
        otherwise = _all_of(always) if always else "None"
        return [f"attn_mask={otherwise} if {subjects.pop()} is None else {_all_of([*always, *at_times])}"]

    def _kept(self, taken: _Taken) -> str:
        """Return the text of the boolean mask that is True where a key may be seen."""
        operands = taken.operation.operands
        if taken.step.kind == "fill":
            if len(operands) != 3 or not Masks(self._code).is_far_below(operands[2]):
                raise _Unsure
            return self._negated(operands[1])
        first_is_scores = taken.step.kind == "where" and Masks(self._code).is_far_below(operands[2])
        if first_is_scores:
            return self._text(operands[0])
        if not Masks(self._code).is_far_below(operands[1]):
            raise _Unsure
        return self._negated(operands[0])

    def _negated(self, mask: Node) -> str:
        operation = self._code.tensors.operation(mask)
        if operation is not None and operation.name == "expand_as" and operation.is_method:  # masks are broadcast
            return self._negated(operation.operands[0])
        if isinstance(mask, cst.UnaryOperation) and isinstance(mask.operator, cst.BitInvert):
            return self._text(mask.expression)
        if isinstance(mask, cst.Comparison) and len(mask.comparisons) == 1:
            target = mask.comparisons[0]
            sign = getattr(target.operator, "value", None) or {"Equal": "==", "NotEqual": "!="}.get(
                type(target.operator).__name__
            )
            sign = sign or {"LessThan": "<", "GreaterThan": ">", "LessThanEqual": "<=", "GreaterThanEqual": ">="}.get(
                type(target.operator).__name__
            )
            if sign in _OPPOSITES:
                left, right = self._text(mask.left), self._text(target.comparator)
                return f"{left} {_OPPOSITES[sign]} {right}"
        return f"~{self._atom(mask)}"

    def _added(self, taken: _Taken, reading: _Reading) -> str:
        mask, query = taken.step.operand, self._attention.scores.left
        if mask is None or taken.operation.name != "add" or self._is_number(mask, 4) or not isinstance(query, cst.Name):
            raise _Unsure
        later = reading.before[: reading.before.index(taken)]
        if any(other.step.kind in ("scale", "divide") for other in later):
            raise _Unsure  # the mask is scaled too
        return f"{self._atom(mask)}.to({self._text(query)}.dtype)"

    def _is_causal(self, taken: _Taken) -> bool:
        """Does the mask let each position see itself and those before it, and is it surely as large as the scores?"""
        masks, operands = Masks(self._code), taken.operation.operands
        if taken.unless_none is not None:
            return False
        if taken.step.kind == "add":
            mask = masks.read(taken.step.operand) if taken.step.operand is not None else None
            fits = mask is not None and mask.form == "added"
        elif taken.step.kind == "fill":
            mask = masks.read(operands[1])
            fits = (
                mask is not None and mask.form == "bool" and mask.marks == "block" and masks.is_far_below(operands[2])
            )
        else:
            mask = masks.read(operands[0])
            fits = mask is not None and mask.form == "bool" and mask.marks == "keep" and masks.is_far_below(operands[2])
        if mask is None or not fits or not mask.is_causal or mask.sides is None:
            return False
        query, key = self._attention.query, self._attention.key
        if are_of_one_length(self._code, query, key):
            return True
        keys = self._key()
        sides = mask.sides
        return (
            not isinstance(keys, str)
            and is_length_of(self._code, sides[0], query.node)
            and is_length_of(self._code, sides[1], keys)
        )

    def _narrows(self, operation: Operation) -> bool:
        """May a cast leave less than the type of the queries, or something that is no tensor of theirs?"""
        if operation.name in ("float", "double", "contiguous", "type_as", "identity", "clone"):
            return False
        if operation.name == "nan_to_num":  # zeros for fully masked rows, as the fused call gives them
            return len(operation.operands) != 1 or operation.call is None or len(operation.call.args) > 1
        target = operation.setting(0, "dtype")
        if operation.name in ("to", "type") and target is not None:
            return self._code.qualified_name(target) != "torch.float32" and last_name(target) != "dtype"
        return True

    # ---- dropout

    def _dropout_arguments(self, reading: _Reading) -> list[str]:
        rates = []
        for taken in reversed(reading.after):
            if taken.step.kind == "cast":
                if self._narrows(taken.operation):
                    raise _Unsure
            elif taken.step.kind == "dropout" and taken.unless_none is None:
                rates.append(self._rate(taken.operation))
            else:
                raise _Unsure
        if len(rates) > 1:
            raise _Unsure
        return [f"dropout_p={rate}" for rate in rates if rate is not None]

    def _rate(self, operation: Operation) -> str | None:
        """Return the text of the rate at which weights are dropped now."""
        call = operation.node
        if not isinstance(call, cst.Call):
            raise _Unsure
        if operation.is_module:
            if self._code.values.made_by(call.func) != {"torch.nn.Dropout"}:
                raise _Unsure
            text = self._text(call.func)
            return f"{text}.p if {text}.training else 0.0"
        qualified = self._code.qualified_name(call.func)
        if qualified not in ("torch.nn.functional.dropout", "torch.dropout"):
            raise _Unsure
        rate, training = operation.setting(0, "p"), operation.setting(1, "training") or keyword(call, "train")
        shown = self._text(rate) if rate is not None else "0.5"
        if training is None or is_true(training):
            return shown
        return f"{shown} if {self._text(training)} else 0.0"

    # ---- the call

    def _call(self, arguments: list[str]) -> str:
        function = f"{self._functional}.{FUSED.rpartition('.')[2]}"
        text = f"{function}({', '.join(arguments)})"
        span = self._code.span(self._product)
        rest = self._code.positions.line_text(span.end_line)[span.end_column :].partition("  #")[0].rstrip()
        if span.column + len(text) + len(rest) <= _LINE:
            return text
        line = self._code.positions.line_text(self._code.span(self._line).line)
        indent = line[: len(line) - len(line.lstrip())]
        step, newline = self._code.tree.module.default_indent, self._code.tree.module.default_newline
        rows = [", ".join(arguments[:3]), *arguments[3:]]
        return newline.join([f"{function}(", *(f"{indent}{step}{row}," for row in rows), f"{indent})"])

    @property
    def _functional(self) -> str:
        """What ``torch.nn.functional`` is called here."""
        for name, bindings in self._code.names.in_scope(self._code.tree.module).items():
            if all(binding.qualified == "torch.nn.functional" for binding in bindings):
                return name
        if self._torch_is_imported:
            return "torch.nn.functional"
        return "F"

    @property
    def _torch_is_imported(self) -> bool:
        bindings = self._code.names.in_scope(self._code.tree.module).get("torch", ())
        return bool(bindings) and all(binding.qualified == "torch" for binding in bindings)

    @property
    def _import(self) -> str | None:
        return "torch.nn.functional as F" if self._functional == "F" else None


def _is_plain(product: Product, *, is_scores: bool) -> bool:
    """Are the axes as in a matrix product: the same batch axes first, then rows and columns?"""
    equation = product.equation
    assert equation is not None
    left, right, result = equation.left, equation.right, equation.result
    if len(left) < 2 or len(right) < 2 or len(result) < 2 or left[:-2] != right[:-2] or left[:-2] != result[:-2]:
        return False
    if is_scores:
        return left[-1] == right[-1] and result[-2:] == (left[-2], right[-2])
    return left[-1] == right[-2] and result[-2:] == (left[-2], right[-1])


def _is_heads_third(scores: einsum.Equation, product: einsum.Equation, is_masked: bool) -> bool:
    """``bihd,bjhd->bhij`` and ``bhij,bjhd->bihd``: positions before heads in all but the scores."""
    if any(len(axes) != 4 or einsum.ELLIPSIS in axes for axes in (*_operands(scores), *_operands(product))):
        return False
    batch, rows, heads, width = scores.left
    if (
        scores.right[0] != batch
        or scores.right[2:] != (heads, width)
        or set(scores.result) != {batch, heads, rows, scores.right[1]}
    ):
        return False
    columns = scores.right[1]
    if is_masked and scores.result != (batch, heads, rows, columns):
        return False
    renamed = dict(zip(scores.result, product.left, strict=True))  # the second equation may use other letters
    values, result = product.right, product.result
    return (
        values[:3] == (renamed[batch], renamed[columns], renamed[heads])
        and result == (renamed[batch], renamed[rows], renamed[heads], values[3])
    )  # fmt: skip


def _operands(equation: einsum.Equation) -> tuple[tuple[str, ...], ...]:
    return equation.left, equation.right, equation.result


def _not_none(test: Node) -> Node | None:
    """Return M of ``M is not None``."""
    if not isinstance(test, cst.Comparison) or len(test.comparisons) != 1:
        return None
    target = test.comparisons[0]
    is_not_none = isinstance(target.operator, cst.IsNot) and is_none(target.comparator)
    return test.left if is_not_none and isinstance(test.left, cst.Name) else None


def _all_of(masks: list[str]) -> str:
    """Return the text of a mask that is True where all of these are."""
    return masks[0] if len(masks) == 1 else " & ".join(f"({mask})" for mask in masks)

