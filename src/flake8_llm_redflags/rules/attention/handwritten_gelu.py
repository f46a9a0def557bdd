"""LRF522: GELU in single operations."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ..rule import Rule, Trigger
from .handwritten import is_left_alone

if TYPE_CHECKING:
    from ...code import Code
    from ...code.formulas import Atom, Formula, Sum
    from ...code.tree import Node

#: √(2/π), the cubic term and 1/√2 as people write them: 0.044715, 0.7978845608.
_SLOPE, _CUBIC, _INVERSE_ROOT = math.sqrt(2 / math.pi), 0.044715, math.sqrt(0.5)
_TOLERANCE = 1e-4


class HandwrittenGelu(Rule):
    """The tanh form is eight kernels over one tensor and the error-function form five; ``F.gelu`` is one."""

    code = "LRF522"
    name = "handwritten-gelu"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("tanh", "erf")), pattern=r"0\.0447|erf\(")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each product that is the GELU of one value."""
        if _is_compatible(code):
            return
        roots = [call for call in code.calls("tanh", "erf") if not is_left_alone(code, call)]
        for function in {id(f): f for f in map(code.context.function, roots) if f is not None}.values():
            for node, gelu in _gelus(code, function):
                kernels = "eight kernels" if gelu.form == "tanh" else "five kernels"
                value = code.text_of(gelu.value)
                message = (
                    f"GELU of `{code.short_text(gelu.value, 24)}` by hand runs {kernels} over it"
                    f" (predicted {9 if gelu.form == 'tanh' else 5}× the bytes): `{_call(gelu, 'F.gelu', 'x')}` is one"
                )
                yield self.finding(code, node, message, _edit(code, node, gelu, value))


def _is_compatible(code: Code) -> bool:
    """Does the file ask whether PyTorch has a GELU, and help itself where it has none?"""
    texts = (arg.value for call in code.calls("hasattr") for arg in call.args[1:2])
    return any(isinstance(text, cst.SimpleString) and text.evaluated_value in ("gelu", "GELU") for text in texts)


@dataclass(frozen=True, slots=True)
class _Gelu:
    value: Node  #: what it is the GELU of, as written
    form: str  #: ``tanh`` or ``erf``
    can_move: bool  #: are the constants right, and is it all written here?


def _gelus(code: Code, function: Node) -> Iterator[tuple[Node, _Gelu]]:
    from ...code.formulas import Formula, arithmetic
    from ...code.tensors import Place

    variables = _variables(code, function)
    inside: set[int] = set()
    for node in arithmetic(code, function):
        if code.context.function(node) is function and id(node) not in inside:
            formula = Formula(code, Place(node), variables)
            gelu = _read(formula) if formula.sum is not None else None
            if gelu is not None:
                inside |= formula.visited
                yield node, gelu


def _variables(code: Code, function: Node) -> frozenset[object]:
    """Return the names in the arguments of tanh and erf, or in what such an argument was assigned."""
    from ...code.formulas import variable_key
    from ...code.names import last_name
    from ...code.tensors import Place

    found = set()
    for call in code.tree.within(function, cst.Call):
        if last_name(call.func) in ("tanh", "erf"):
            operation = code.tensors.operation(call)
            for argument in operation.operands[:1] if operation is not None else ():
                argument = code.tensors.followed(Place(argument)).node
                found |= {variable_key(code.values.definitions(name)) for name in code.tree.within(argument, cst.Name)}
    return frozenset(found)


def _read(formula: Formula) -> _Gelu | None:
    """Match ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) and ½·x·(1 + erf(x/√2))."""
    from ...code.formulas import Sum

    total = formula.sum
    if total is None or len(total.terms) != 2 or {coefficient for _, coefficient in total.terms} != {0.5}:
        return None
    (first, _), (second, _) = sorted(total.terms, key=lambda term: len(term[0]))
    plain, bent = Sum(frozenset([(first, 1.0)])).single, [atom for atom, _ in second if atom.name in ("tanh", "erf")]
    if plain is None or plain.name or plain.place is None or len(bent) != 1 or second != first | {(bent[0], 1.0)}:
        return None
    is_exact = _argument_fits(bent[0], plain)
    if is_exact is None:
        return None
    can_move = is_exact and not formula.casts and plain.place.frame is None
    return _Gelu(plain.place.node, bent[0].name, can_move)


def _argument_fits(bent: Atom, value: Atom) -> bool | None:
    """Is the argument the one of GELU? True where all constants are seen, None where it is another function."""
    inner: Sum = bent.arguments[0]
    powers = dict(inner.terms)
    linear = frozenset([(value, 1.0)])
    if bent.name == "erf":
        return True if set(powers) == {linear} and _near(powers[linear], _INVERSE_ROOT) else None
    if len(powers) != 2:
        return None
    (first, slope), (third, cubic) = sorted(powers.items(), key=lambda item: dict(item[0]).get(value, 0.0))
    if dict(first).get(value) != 1.0 or dict(third).get(value) != 3.0 or not _near(cubic, _CUBIC * slope):
        return None
    if first == linear:
        return True if _near(slope, _SLOPE) else None
    return False if first - {(value, 1.0)} == third - {(value, 3.0)} else None  # a slope kept elsewhere: `self.slope`


def _near(value: float, wanted: float) -> bool:
    return math.isclose(value, wanted, rel_tol=_TOLERANCE)


def _call(gelu: _Gelu, function: str, value: str) -> str:
    return f'{function}({value}, approximate="tanh")' if gelu.form == "tanh" else f"{function}({value})"


def _edit(code: Code, node: Node, gelu: _Gelu, value: str) -> Edit | None:
    if not gelu.can_move or "#" in code.text_of(node) or not code.values.is_same_at(gelu.value, node):
        return None
    called = code.names.spelling("torch.nn.functional.gelu", node)
    edit = code.edit("call `gelu`", safe=True).replace_whole(node, _call(gelu, called or "F.gelu", value))
    edit = edit.remove_unused([node], [name.value for name in code.tree.within(gelu.value, cst.Name)])
    return (edit if called else edit.importing("torch.nn.functional as F")).done()
