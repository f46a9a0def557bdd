"""LRF608: the next token chosen on the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class HostSideSampling(Rule):
    """The device drains, the whole distribution crosses the bus, the host chooses and sends one number back: per token."""

    code = "LRF608"
    name = "host-side-sampling"
    severity = Severity.WARNING
    reads_tests = False
    trigger = Trigger(
        words=(("torch",), ("cpu", "numpy", "tolist")), pattern=("argmax", "multinomial", r"choices?\(", "Categorical")
    )

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding at each copy of a distribution to the host that the next token is chosen from."""
        for found in code.sampling.on_host:
            message = (
                f"all of `{code.short_text(found.moved, 36)}` is copied to the host for each token, which waits for it:"
                " choose on the device and copy the choice only"
            )
            yield self.finding(code, found.move, message)
