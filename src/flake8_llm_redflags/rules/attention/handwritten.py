"""What the rules about operations written out by hand share: when to be silent, and the edit of a normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Edit

if TYPE_CHECKING:
    from ...code import Code
    from ...code.norms import Norm
    from ...code.tree import Node


def is_left_alone(code: Code, node: Node) -> bool:
    """Is it a reference that something is checked against, or handed to a compiler, which fuses it?"""
    return code.context.is_reference(node) or code.context.is_compiled(node)


def norm_edit(code: Code, norm: Norm, function: str, *, safe: bool) -> Edit | None:
    """Return the edit that calls ``torch.nn.functional.<function>`` instead; None where the parts cannot be moved there.

    Weight and bias go into the call where that is possible, else they stay as they are.
    """
    for part in (norm, norm.inner):
        if part is not None and _can_move(code, part):
            return _edit(code, part, function, safe=safe)
    return None


def _can_move(code: Code, norm: Norm) -> bool:
    return (
        norm.is_exact
        and norm.is_local
        and not norm.casts
        and norm.eps is not None
        and "#" not in code.text_of(norm.whole)
        and all(code.values.is_same_at(part, norm.whole) for part in _parts(norm))
    )


def _edit(code: Code, norm: Norm, function: str, *, safe: bool) -> Edit:
    value = code.text_of(norm.value)
    arguments = [value, f"({value}.size(-1),)"]
    if norm.weight is not None:
        arguments.append(code.text_of(norm.weight))
    if norm.bias is not None:
        arguments.append(code.text_of(norm.bias) if norm.weight is not None else f"bias={code.text_of(norm.bias)}")
    eps = f"{norm.eps:g}".replace("e-0", "e-") if isinstance(norm.eps, float) else code.text_of(norm.eps)
    is_next = len(arguments) == (4 if norm.kind == "layer" else 3)
    arguments.append(eps if is_next else f"eps={eps}")
    called = code.names.spelling(f"torch.nn.functional.{function}", norm.whole)
    edit = code.edit(f"call `{function}`", safe=safe)
    edit = edit.replace_whole(norm.whole, f"{called or f'F.{function}'}({', '.join(arguments)})")
    edit = edit.remove_unused(
        [norm.whole], [name.value for part in _parts(norm) for name in code.tree.within(part, cst.Name)]
    )
    return (edit if called else edit.importing("torch.nn.functional as F")).done()


def _parts(norm: Norm) -> list[Node]:
    """Return what the new call names."""
    return [
        part
        for part in (norm.value, norm.weight, norm.bias, norm.eps)
        if part is not None and not isinstance(part, float)
    ]
