"""LRF308: the test part is resampled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class ResampledTest(Rule):
    """A balanced test set says nothing of the data the model will meet."""

    code = "LRF308"
    name = "resampled-test"
    severity = Severity.ERROR
    trigger = Trigger(words=(("fit_resample", "fit_sample"),))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each sampler applied to rows that a split has put aside for the test."""
        for fit in {id(fit.node): fit for fit in code.flow.data.fits}.values():
            resamples = fit.estimator.category in ("row_creating", "row_removing")
            if resamples and fit.features.rows and all(rows.is_put_aside for rows in fit.features.rows):
                message = (
                    f"`{fit.estimator.name}` resamples the test part: its scores hold for data that does not exist,"
                    " resample the training part only"
                )
                yield self.finding(code, fit.node, message)
