"""LRF731: training in float32 with TensorFloat-32 left off."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import table
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class Tf32Off(Rule):
    """Float32 matrix products leave the tensor cores idle unless ``set_float32_matmul_precision`` says otherwise."""

    code = "LRF731"
    name = "tf32-off"
    severity = Severity.INFO
    preview = True
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("backward",), ("cuda", "to")))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield one finding, at the first training loop of a script that decides nothing about precision."""
        facts = table("torch_training")["precision"]
        decided = set(facts["words"])
        if not code.devices.used or any(
            set(module.split(".")) & set(facts["frameworks"]) for module in code.names.imported_modules
        ):
            return
        if any(node.attr.value in decided for node in code.all(cst.Attribute)):
            return
        if any(arg.keyword is not None and arg.keyword.value in decided for arg in code.all(cst.Arg)):
            return
        if any(code.calls("half", "bfloat16", "double")):
            return
        makes_model = any(
            code.devices.moves(call)
            and isinstance(call.func, cst.Attribute)
            and code.devices.is_module(call.func.value)
            for call in code.calls("to", "cuda")
        )
        for call in code.training.backward_calls:
            loop = next(iter(code.context.loops(call)), None)
            if (
                makes_model
                and loop is not None
                and code.training.is_step_loop(loop)
                and not code.training.is_demo(call)
            ):
                message = (
                    f'`{code.short_text(call, 32)}` trains in float32: `torch.set_float32_matmul_precision("high")`'
                    " lets the tensor cores help (predicted: 2x a step)"
                )
                yield self.finding(code, call, message)
                return
