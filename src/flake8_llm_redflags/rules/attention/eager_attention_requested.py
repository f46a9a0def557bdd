"""LRF506: a model is loaded with attention in single operations, and nothing in the file needs the weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ...code.constants import is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code

_words = partial(words, "torch_ops", "eager")


class EagerAttentionRequested(Rule):
    """``eager`` writes the T×T scores of every layer to memory; transformers uses ``sdpa`` by itself where a model has it."""

    code = "LRF506"
    name = "eager-attention-requested"
    severity = Severity.WARNING
    fixable = "unsafe"
    reads_tests = False
    trigger = Trigger(words=(("from_pretrained", "from_config"), ("attn_implementation", "output_attentions")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each load that asks for eager attention without a need for it in the file."""
        needed = None
        for call in code.calls("from_pretrained", "from_config"):
            asked = next((arg for arg in call.args if _asks(code, arg)), None)
            if asked is None or _is_choice(code, call) or code.context.is_reference(call) or _has_reason(code, call):
                continue
            needed = _weights_are_needed(code) if needed is None else needed
            if needed:
                return
            name = asked.keyword.value if asked.keyword is not None else ""
            what = f"`{name}={code.short_text(asked.value, 12)}`"
            message = (
                f"{what} writes all T×T scores of every layer to memory, and nothing here reads them (prefill predicted 2–4×):"
                " leave it out for `sdpa`"
            )
            edit = code.edit("leave the attention to the default", safe=False).remove_argument(call, asked).done()
            yield self.finding(code, asked.value, message, edit)


def _asks(code: Code, arg: cst.Arg) -> bool:
    """``attn_implementation="eager"``, ``output_attentions=True``."""
    name = arg.keyword.value if arg.keyword is not None else ""
    if name == "output_attentions":
        return is_true(arg.value)
    return name == "attn_implementation" and code.values.constants(arg.value) == ["eager"]


def _is_choice(code: Code, call: cst.Call) -> bool:
    """Is the load made in one of several cases: in an arm of an ``if``, after something else has failed?"""
    if any(code.context.conditions(call)):
        return not all(_is_main(code, test) for test, _ in code.context.conditions(call))
    return any(isinstance(above, cst.ExceptHandler) for above in code.tree.ancestors(call))


def _is_main(code: Code, test: cst.CSTNode) -> bool:
    return any(name.value == "__name__" for name in code.tree.within(test, cst.Name))


def _has_reason(code: Code, call: cst.Call) -> bool:
    """Does a comment at the call speak of attention, or is the model one that is to be run so?"""
    span = code.span(call)
    lines = [code.positions.line_text(line) for line in range(max(span.line - 2, 1), span.end_line + 1)]
    comments = " ".join(line.partition("#")[2] for line in lines).lower()
    return any(word in comments for word in _words("reasons"))


def _weights_are_needed(code: Code) -> bool:
    """Does the file read weights, hook into modules, export the model, or name a model that needs eager attention?"""
    tree = code.tree
    if any(attribute.attr.value in _words("readers") for attribute in tree.all(cst.Attribute)):
        return True
    if any(imported.partition(".")[0] in _words("packages") for imported in code.names.imported_modules):
        return True
    texts = (text.value.lower() for text in tree.all(cst.SimpleString))
    return any(word in text for text in texts for word in _words("models"))
