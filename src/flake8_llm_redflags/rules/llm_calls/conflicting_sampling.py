"""LRF209: generation arguments that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...code.constants import as_number, as_text, is_false, is_none, is_true
from ...code.syntax import cst
from ...finding import Edit, Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class _Given(NamedTuple):
    """One option of a call: its value, where it stands, and the argument, if it is one and not a dict's entry."""

    value: cst.BaseExpression
    place: cst.CSTNode
    argument: cst.Arg | None


class ConflictingSampling(Rule):
    """Sampling options where nothing is sampled, a temperature of zero where something is, or two bounds of the length."""

    code = "LRF209"
    name = "conflicting-sampling"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("generate", "GenerationConfig", "pipeline"), ("do_sample", "max_new_tokens")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each option that another one makes void."""
        reported = set()
        for call in (*code.calls(*table("llm_clients")["sampling"]["callees"]), *code.llm.local_calls()):
            given = _options(code, call)
            for name, message in _conflicts(given):
                place = given[name].place
                if id(place) not in reported:
                    reported.add(id(place))
                    yield self.finding(code, place, message, self._edit(code, call, name, given[name]))

    @staticmethod
    def _edit(code: Code, call: cst.Call, name: str, option: _Given) -> Edit | None:
        if (
            option.argument is None or as_number(option.value) == 0
        ):  # a dict may serve others; what raises needs a decision
            return None
        return code.edit(f"drop {name}", safe=True).remove_argument(call, option.argument).done()


def _options(code: Code, call: cst.Call) -> dict[str, _Given]:
    """Return the options of a call by name, those of an unpacked dict in view included."""
    given = {}
    for argument in call.args:
        if argument.keyword is not None:
            given[argument.keyword.value] = _Given(argument.value, argument, argument)
        elif argument.star == "**":
            origins = code.values.origins(argument.value)
            whole = origins[0].node if len(origins) == 1 else None
            if isinstance(whole, cst.Call) and code.qualified_name(whole.func) == "builtins.dict":
                given |= {
                    arg.keyword.value: _Given(arg.value, arg, None) for arg in whole.args if arg.keyword is not None
                }
            for entry in whole.elements if isinstance(whole, cst.Dict) else ():
                key = as_text(getattr(entry, "key", None))
                if key is not None:
                    given[key] = _Given(entry.value, entry, None)
    return given


def _conflicts(given: dict[str, _Given]) -> Iterator[tuple[str, str]]:
    """Yield the name of each option that another makes void, with what to say about it."""
    sampled = given["do_sample"].value if "do_sample" in given else None
    facts = table("llm_clients")["sampling"]
    if is_false(sampled) and facts["contrastive"] not in given:
        for name in facts["only_when_sampling"]:
            if name in given and not _is_neutral(given[name].value):
                yield (
                    name,
                    f"`{name}` is void beside `do_sample=False`, which takes the likeliest token: drop it, or sample",
                )
    elif is_true(sampled) and "temperature" in given:
        if as_number(given["temperature"].value) == 0:
            yield (
                "temperature",
                (
                    "`temperature=0` with `do_sample=True` raises ValueError: say `do_sample=False` for the likeliest token"
                ),
            )
    if {"max_length", "max_new_tokens"} <= given.keys() and not is_none(given["max_length"].value):
        yield "max_length", "`max_length` is void beside `max_new_tokens`, which bounds the new tokens alone: drop it"


def _is_neutral(value: cst.BaseExpression) -> bool:
    """Does the option say what holds anyway: nothing, zero or one?"""
    return is_none(value) or as_number(value) in (0, 1)
