"""LRF209: generation arguments that contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class ConflictingSampling(Rule):
    """Sampling arguments where nothing is sampled, a temperature of zero where something is, or two bounds of the length."""

    code = "LRF209"
    name = "conflicting-sampling"
    severity = Severity.WARNING
    fixable = "safe"
    reads_tests = False
    trigger = Trigger(words=(("generate", "GenerationConfig", "pipeline"), ("do_sample", "max_new_tokens")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each argument that another one makes void."""
        for call in code.calls(*table("llm_clients")["sampling"]["callees"]):
            given = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
            yield from self._sampling(code, call, given)
            if {"max_length", "max_new_tokens"} <= given.keys() and not _is_none(given["max_length"]):
                edit = code.edit("drop max_length", safe=True).remove_argument(call, given["max_length"]).done()
                message = "`max_length` is void beside `max_new_tokens`, which bounds the new tokens alone: drop it"
                yield self.finding(code, given["max_length"], message, edit)

    def _sampling(self, code: Code, call: cst.Call, given: dict[str, cst.Arg]) -> Iterator[Finding]:
        sampled = given.get("do_sample")
        temperature = given.get("temperature")
        if sampled is None or not isinstance(sampled.value, cst.Name):
            return
        if sampled.value.value == "False":
            for name in table("llm_clients")["sampling"]["only_when_sampling"]:
                if name in given and not _is_neutral(given[name]):
                    edit = code.edit(f"drop {name}", safe=True).remove_argument(call, given[name]).done()
                    message = f"`{name}` is void beside `do_sample=False`, which takes the likeliest token: drop it, or sample"
                    yield self.finding(code, given[name], message, edit)
        elif sampled.value.value == "True" and temperature is not None and _number(temperature) == 0:
            message = "`temperature=0` with `do_sample=True` raises ValueError: say `do_sample=False` for the likeliest token"
            yield self.finding(code, temperature, message)


def _number(argument: cst.Arg) -> float | None:
    value = argument.value
    return float(value.evaluated_value) if isinstance(value, (cst.Integer, cst.Float)) else None


def _is_none(argument: cst.Arg) -> bool:
    return isinstance(argument.value, cst.Name) and argument.value.value == "None"


def _is_neutral(argument: cst.Arg) -> bool:
    """Does the argument say what holds anyway: nothing, zero or one?"""
    return _is_none(argument) or _number(argument) in (0, 1)
