"""LRF722: a training loader that prepares its batches in the training process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.arguments import keyword, may_give
from ...code.constants import is_true
from ...code.syntax import cst
from ...finding import Finding, Severity
from ...knowledge import words
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class DataloaderWithoutWorkers(Rule):
    """Without ``num_workers`` the GPU waits while the training process reads and transforms each batch."""

    code = "LRF722"
    name = "dataloader-without-workers"
    severity = Severity.INFO
    preview = True
    reads_tests = False
    trigger = Trigger(words=(("torch",), ("DataLoader",)))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each shuffled loader without workers whose data set does work per item."""
        if code.devices.default_is_device:
            return
        for call in code.calls("DataLoader"):
            if not (code.qualified_name(call.func) or "").startswith("torch.utils.data") or not call.args:
                continue
            if may_give(call, ("num_workers",)) or not is_true(keyword(call, "shuffle")):
                continue
            dataset = keyword(call, "dataset") or call.args[0].value
            if code.training.is_demo(call) or not _works_per_item(code, dataset):
                continue
            message = (
                f"`DataLoader({code.short_text(dataset, 24)}, …)` prepares batches in the training process while the"
                " GPU waits: give `num_workers=` (gain depends on the work per item)"
            )
            yield self.finding(code, call, message)


def _works_per_item(code: Code, dataset: cst.CSTNode) -> bool:
    """Does the data set decode, transform or read something for each item, as far as the file shows?"""
    from ...code.names import last_name

    work = words("torch_training", "datasets", "work")
    for origin in code.values.origins(dataset):
        if origin.name is not None and origin.name.startswith("torchvision.datasets."):
            return True
        if origin.kind == "instance":
            method = code.context.method(origin.node, "__getitem__")
            if method is not None and any(last_name(call.func) in work for call in code.tree.within(method, cst.Call)):
                return True
    return False
