"""LRF318: a hub data set's test split feeds the training or the few-shot prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code

_SHOTS = re.compile(r"shot|demo|exemplar|in_context|icl", re.I)


class TestSplitInTraining(Rule):
    """A published test split is what everyone compares by; once trained on or shown in the prompt, it is spent."""

    code = "LRF318"
    name = "test-split-in-training"
    severity = Severity.ERROR
    reads_tests = False
    trigger = Trigger(words=(("load_dataset", "load_from_disk"), ("test",)), pattern=r"[\"']test")

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each trainer fed with a test split, and for prompts that show rows of it."""
        reported = set()
        for training in code.flow.data.trainings:
            rows = training.features.rows
            named = [one for one in rows if one.part == "test" and one.split is not None and one.split.kind == "named"]
            if named and id(training.node) not in reported:
                reported.add(id(training.node))
                message = (
                    f"`{code.short_text(training.node.func, 30)}` trains on the data set's test split: its scores there"
                    " mean nothing any more, train on `train`"
                )
                yield self.finding(code, training.node, message)
        yield from self._shots(code)

    def _shots(self, code: Code) -> Iterator[Finding]:
        """Find ``shots = [test[i] for i in …]`` where the same ``test`` is looped over to be answered."""
        looped = {
            (name, binding)
            for loop in (*code.all(cst.For), *code.all(cst.CompFor))
            if isinstance(loop.iter, cst.Name)
            for name, binding in self._test_split(code, loop.iter)
        }
        if not looped:
            return
        for node in code.all(cst.Assign):
            target = node.targets[0].target
            if not isinstance(target, cst.Name) or not _SHOTS.search(target.value):
                continue
            for name in code.tree.within(node.value, cst.Name):
                if any(found in looped for found in self._test_split(code, name)):
                    message = (
                        f"`{target.value}` shows the model rows of the test split `{name.value}`, which it is tested"
                        " on: take the examples from `train`"
                    )
                    yield self.finding(code, node, message)
                    break

    @staticmethod
    def _test_split(code: Code, name: cst.Name) -> Iterator[tuple[str, int]]:
        """Yield the name and the call of each ``load_dataset(…, split="test")`` that a name holds."""
        for origin in code.values.origins(name):
            call = origin.node
            if origin.kind == "call" and isinstance(call, cst.Call) and (origin.name or "").endswith("load_dataset"):
                for arg in call.args:
                    if arg.keyword is not None and arg.keyword.value == "split":
                        values = code.values.constants(arg.value) or ()
                        if any(isinstance(value, str) and value.startswith("test") for value in values):
                            yield name.value, id(call)
