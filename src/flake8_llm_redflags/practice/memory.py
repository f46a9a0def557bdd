"""What a finished round leaves behind."""

from __future__ import annotations

from .report import Report
from .schedule import ratings
from .store import Finished, Store, home


def remember(told: Report, explained: frozenset[str] = frozenset()) -> None:
    """Put a graded round into the memory; once more, with other answers, puts these in place of the former.

    ``explained``: the names of the sites whose why and fix were given in full. Raises ``StoreError``.
    """
    session = told.session
    finished = Finished(
        session.round.code,
        session.round.level.name,
        session.started,
        session.submitted or session.started,
        int(session.limit.total_seconds()),
        round(told.result.score, 1),
        session.review().as_object(),
    )
    Store(home() / "practice.sqlite3").finish(finished, ratings(session, told.result, explained))
