"""A round in work: a folder with the code, the ticket and the clock. Nothing is held in memory only."""

from __future__ import annotations

import difflib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .grading import Outcome, Result, grade
from .linting import referee
from .review import Comment, Review, from_object, parse
from .rounds import Round, from_code
from .scenario import Scenario

_STATE = "session.json"
_REVIEW = "review.json"
_NOTES = """\
# How to review

Write what you would write on a colleague's change, in the files themselves, above the line or behind it:

    # REVIEW issue(blocker, masking): what is wrong
    # why: what happens because of it
    # fix: what to do instead

Only `# REVIEW: text` is needed. Labels: issue, question, nit, suggestion, praise, note. Severities: blocker, major, minor. Families:
`redflags practice tags`. A headline and a verdict: `# REVIEW[pr](request-changes): text`, or `(approve)`.

When you are done: `redflags practice done` in this folder. The linter is silent where this folder is what your editor has open (the file
.flake8 says so), and so should be any assistant.
"""


class SessionError(ValueError):
    """A folder that holds no round, or one that cannot be read; the message names it and the remedy."""


@dataclass(frozen=True)
class Session:
    """A round that was started. Times are in UTC."""

    round: Round
    folder: Path
    started: datetime
    limit: timedelta
    hints: dict[str, int]
    submitted: datetime | None = None
    #: (file, line) of comments that the candidate maintains though no flag is there.
    disputes: tuple[tuple[str, int], ...] = ()

    def left(self, now: datetime) -> timedelta:
        """Return the time left; negative in overtime."""
        return self.limit - ((self.submitted or now) - self.started)

    def review(self) -> Review:
        """Return the review as it stands: of the page where there is one, else in the files. Raises ``ReviewError``."""
        path = self.folder / _REVIEW
        found = from_object(_read_json(path)) if path.exists() else self._in_files()
        disputed = set(self.disputes)
        comments = tuple(replace(c, is_real=True) if (c.file, c.line) in disputed else c for c in found.comments)
        return replace(found, comments=comments, hints={**found.hints, **self.hints})

    def unread(self) -> tuple[Comment, ...]:
        """Return the comments in the files that do not count, since the page was used and its review is another."""
        if not (self.folder / _REVIEW).exists():
            return ()
        known = {(c.file, c.line, c.text) for c in self.review().comments}
        return tuple(c for c in self._in_files().comments if (c.file, c.line, c.text) not in known)

    def _in_files(self) -> Review:
        edited = {name: _text(self.folder / name) for name in self.round.files if (self.folder / name).exists()}
        return parse(edited, self.round.files)

    def keep(self, review: Review) -> None:
        """Keep a review of the page, so that nothing is lost."""
        _write(self.folder / _REVIEW, json.dumps(review.as_object(), indent=2, ensure_ascii=False))

    def hinted(self) -> tuple[Session, str] | None:
        """Return the session with one hint more, and that hint; None where there is no more.

        Hints go to the heaviest flag that the review has not found yet.
        """
        outcomes = self.result().outcomes
        waiting = [o for o in outcomes if not o.is_found and o.hints < len(o.flag.site.hints)]
        if not waiting:
            return None
        site = min(waiting, key=_heaviest_first).flag.site
        used = self.hints.get(site.name, 0)
        after = replace(self, hints={**self.hints, site.name: used + 1})
        after.save()
        return after, site.hints[used]

    def dispute(self, file: str, line: int) -> Session:
        """Maintain the comment on a line: it becomes an extra. Raises ``SessionError`` where there is none to dispute."""
        alarms = [a for a in self.result().false_alarms if (a.comment.file, a.comment.line) == (file, line)]
        if not alarms:
            raise SessionError(f"{file}:{line}: no comment there was counted as a false alarm")
        if (decoy := alarms[0].decoy) is not None:
            raise SessionError(f"{file}:{line}: is a look-alike, and right: {decoy.reason}")
        after = replace(self, disputes=(*self.disputes, (file, line)))
        after.save()
        return after

    def result(self) -> Result:
        """Return the review graded as it stands."""
        rendered = self.round.rendered
        linted = {(name, finding.line) for name, found in referee(rendered.files).items() for finding in found}
        return grade(rendered.flags, rendered.decoys, self.review(), frozenset(linted))

    def submit(self, now: datetime) -> Session:
        """Stop the clock; a second time changes nothing."""
        done = replace(self, submitted=self.submitted or now)
        done.save()
        return done

    def save(self) -> None:
        """Write the state down."""
        told = {
            "schema": 1,
            "round": self.round.code,
            "started": self.started.isoformat(),
            "limit_s": int(self.limit.total_seconds()),
            "submitted": self.submitted.isoformat() if self.submitted is not None else None,
            "hints": self.hints,
            "disputes": self.disputes,
        }
        _write(self.folder / _STATE, json.dumps(told, indent=2))


def start(round_: Round, folder: Path, now: datetime, minutes: float | None = None) -> Session:
    """Lay out a round in a folder and start its clock. Raises ``SessionError`` where something else is there."""
    if folder.exists() and any(folder.iterdir()):
        raise SessionError(
            f"{folder}: is not empty: choose another with --dir, or go on there with `redflags practice done`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in round_.files.items():
        _write(folder / name, text)
    if round_.level.name == "pr":
        _write(folder / "change.diff", _as_diff(round_.files))
    _write(folder / "ticket.md", round_.scenario.ticket)
    _write(folder / "HOW.md", _NOTES)
    _write(folder / ".flake8", "[flake8]\nextend-ignore = LRF\n")  # an editor must not underline the answers
    limit = timedelta(minutes=round_.level.minutes if minutes is None else minutes)
    session = Session(round_, folder, now, limit, {})
    session.save()
    return session


def resume(folder: Path, scenarios: list[Scenario]) -> Session:
    """Return the session in a folder. Raises ``SessionError`` and ``CodeError``."""
    path = folder / _STATE
    if not path.exists():
        raise SessionError(f"{folder}: holds no round: start one with `redflags practice start`")
    told = _read_json(path)
    try:
        submitted = told["submitted"] and datetime.fromisoformat(told["submitted"])
        started, limit = datetime.fromisoformat(told["started"]), timedelta(seconds=told["limit_s"])
        disputes = tuple((str(file), int(line)) for file, line in told.get("disputes", ()))
        round_ = from_code(told["round"], scenarios)
        return Session(round_, folder, started, limit, dict(told["hints"]), submitted, disputes)
    except (KeyError, TypeError) as error:
        raise SessionError(f"{path}: {error} is missing: the file was changed by hand") from error


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def _as_diff(files: dict[str, str]) -> str:
    """Return new files as one diff, as git shows them."""
    parts = []
    for name, text in files.items():
        lines = difflib.unified_diff([], text.splitlines(keepends=True), "/dev/null", f"b/{name}")
        parts.append(f"diff --git a/{name} b/{name}\nnew file mode 100644\n{''.join(lines)}")
    return "".join(parts)


def _heaviest_first(outcome: Outcome) -> int:
    return ("blocker", "major", "minor").index(outcome.flag.site.severity)


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig", errors="replace")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SessionError(f"{path}: cannot be read: {error}") from error


def _write(path: Path, text: str) -> None:
    """Write a file in one step: a full disk or a killed process leaves the old one."""
    waiting = path.with_name(f".{path.name}.new")
    try:
        waiting.write_text(text, encoding="utf-8", newline="\n")
        os.replace(waiting, path)
    except OSError as error:
        with suppress(OSError):
            waiting.unlink(missing_ok=True)
        raise SessionError(f"{path}: cannot be written: {error.strerror or error}; your review is as it was") from error
