"""A graded round in words: for the terminal, as Markdown or one HTML file to print, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any

from .. import resources
from ..finding import Finding
from .grading import FalseAlarm, Outcome, Result
from .linting import referee
from .questions import next_questions
from .session import Session


@dataclass(frozen=True)
class Report:
    """A session with its result and what the linter says of the same files."""

    session: Session
    result: Result
    linted: dict[str, list[Finding]]

    def linter_on(self, outcome: Outcome) -> str:
        """Return the codes that the linter reports at a flag, or that it is silent."""
        flag = outcome.flag
        codes = {f.code for f in self.linted.get(flag.file, ()) if f.line in flag.lines}
        return ", ".join(sorted(codes)) or "silent"

    def why_fine(self, alarm: FalseAlarm) -> str:
        """Return why what a false alarm accuses is right."""
        return alarm.decoy.reason if alarm.decoy is not None else "nothing in the key speaks of it"


def report(session: Session) -> Report:
    """Grade a session as it stands."""
    return Report(session, session.result(), referee(session.round.files))


def as_object(told: Report) -> dict[str, Any]:
    """Return a report as JSON has it."""
    session, result = told.session, told.result
    return {
        "round": session.round.code,
        "scenario": session.round.scenario.name,
        "level": session.round.level.name,
        "score": round(result.score, 1),
        "band": result.band,
        "recall": round(result.recall, 3),
        "precision": round(result.precision, 3),
        "missed_blockers": result.missed_blockers,
        "cap": result.cap,
        "verdict": session.review().verdict,
        "verdict_is_right": result.verdict_is_right,
        "seconds": int(((session.submitted or session.started) - session.started).total_seconds()),
        "limit_s": int(session.limit.total_seconds()),
        "flags": [
            {
                "site": outcome.flag.site.name,
                "concept": outcome.flag.site.concept,
                "title": outcome.flag.site.title,
                "file": outcome.flag.file,
                "lines": list(outcome.flag.lines),
                "severity": outcome.flag.site.severity,
                "family": outcome.flag.site.family,
                "found": outcome.is_found,
                "named": outcome.is_named,
                "credit": round(outcome.credit, 2),
                "claimed": outcome.comment.severity if outcome.comment is not None else None,
                "comment": outcome.comment.text if outcome.comment is not None else None,
                "hints": outcome.hints,
                "linter": told.linter_on(outcome),
                "why": list(outcome.flag.site.why),
                "fix": list(outcome.flag.site.fix),
                "probes": list(next_questions(outcome.flag.site)),
            }
            for outcome in result.outcomes
        ],
        "false_alarms": [
            {
                "file": alarm.comment.file,
                "line": alarm.comment.line,
                "text": alarm.comment.text,
                "cost": alarm.cost,
                "decoy": alarm.decoy is not None,
                "why_fine": told.why_fine(alarm),
            }
            for alarm in result.false_alarms
        ],
        "extras": [{"file": c.file, "line": c.line, "text": c.text} for c in result.extras],
    }


def has_page(concept: str) -> bool:
    """Is the concept a rule that has a page by now?"""
    return any(resources.folder("rules").glob(f"{concept}-*.md"))


def counts(result: Result) -> str:
    """Return how many flags were found, by severity, and how many false alarms there were."""
    parts = []
    for severity in ("blocker", "major", "minor"):
        of_kind = [outcome for outcome in result.outcomes if outcome.flag.site.severity == severity]
        if of_kind:
            parts.append(f"{severity} {sum(o.is_found for o in of_kind)}/{len(of_kind)}")
    on_decoys = sum(alarm.decoy is not None for alarm in result.false_alarms)
    found = f"found {', '.join(parts)}" if parts else "nothing was wrong here"
    alarms = f"false alarms {len(result.false_alarms)}, {on_decoys} of them on look-alikes"
    cap = f"; a missed blocker caps the score at {result.cap:.0f}" if result.cap is not None else ""
    return f"{found}; {alarms}; precision {result.precision:.2f}{cap}"


def you_said(outcome: Outcome) -> str:
    """Return how a flag was found."""
    if not outcome.is_found:
        return "missed"
    how = "found, named" if outcome.is_named else "found, not named"
    claimed = outcome.comment.severity if outcome.comment is not None else None
    return how if outcome.severity_off == 0 else f"{how}, as {claimed or 'no severity'}"


def markdown(told: Report, *, with_code: bool = True) -> str:
    """Return a report as Markdown."""
    return "\n".join(_markdown(told, with_code=with_code)) + "\n"


def _markdown(told: Report, *, with_code: bool) -> Iterator[str]:
    session, result = told.session, told.result
    used = (session.submitted or session.started) - session.started
    yield f"# {session.round.scenario.title}\n"
    clock = f"{_clock(used.total_seconds())} of {_clock(session.limit.total_seconds())}"
    yield f"Round `{session.round.code}`, {session.round.level.name}, {clock}.\n"
    yield f"**{result.score:.0f}, {result.band}.** {counts(result)}.\n"
    if not with_code:
        return
    if result.outcomes:
        yield "| line | severity | you | linter | flag |\n|---|---|---|---|---|"
        for outcome in result.outcomes:
            site, place = outcome.flag.site, f"{outcome.flag.file}:{outcome.flag.lines[0]}"
            yield f"| {place} | {site.severity} | {you_said(outcome)} | {told.linter_on(outcome)} | {site.title} |"
        yield ""
    for outcome in result.outcomes:
        site = outcome.flag.site
        yield f"## {site.title} ({'found' if outcome.is_found else 'missed'})\n"
        yield from (f"- why: {text}" for text in site.why)
        yield from (f"- fix: {text}" for text in site.fix)
        yield from (f"- asked next: {text}" for text in next_questions(site))
        if has_page(site.concept):
            yield f"- `redflags rule {site.concept}`"
        yield ""
    for alarm in result.false_alarms:
        yield f"- false alarm at {alarm.comment.file}:{alarm.comment.line or 'all'}, “{alarm.comment.text}”: {told.why_fine(alarm)}"
    for comment in result.extras:
        yield f"- not in the key, taken as real: {comment.file}:{comment.line or 'all'}, “{comment.text}”"
    for name, text in session.round.files.items():
        yield f"\n## {name}\n\n```python"
        yield from (f"{number:4} {line}" for number, line in enumerate(text.splitlines(), 1))
        yield "```"


def _told(outcome: Outcome) -> Iterator[tuple[str, tuple[str, ...]]]:
    site = outcome.flag.site
    yield from (("why", site.why), ("fix", site.fix), ("asked next", next_questions(site)))


_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid #8884; }
pre { font: 13px/1.45 ui-monospace, monospace; border: 1px solid #8884; border-radius: 6px; padding: .8rem; overflow-x: auto; }
.flag { background: #d2992233; display: inline-block; width: 100%; } .missed { font-weight: 600; }
@media print { pre { white-space: pre-wrap; } }
"""


def html(told: Report) -> str:
    """Return a report as one HTML file that loads nothing."""
    session, result = told.session, told.result
    flagged = {(o.flag.file, line): o for o in result.outcomes for line in o.flag.lines}
    rows = "".join(
        f"<tr class='{'' if o.is_found else 'missed'}'><td>{escape(o.flag.file)}:{o.flag.lines[0]}</td><td>{o.flag.site.severity}</td>"
        f"<td>{escape(you_said(o))}</td><td>{escape(told.linter_on(o))}</td><td>{escape(o.flag.site.title)}</td></tr>"
        for o in result.outcomes
    )
    details = "".join(
        f"<h3>{escape(o.flag.site.title)} ({'found' if o.is_found else 'missed'})</h3><ul>"
        + "".join(f"<li>{kind}: {escape(text)}</li>" for kind, texts in _told(o) for text in texts)
        + (f"<li><code>redflags rule {o.flag.site.concept}</code></li>" if has_page(o.flag.site.concept) else "")
        + "</ul>"
        for o in result.outcomes
    )
    alarms = "".join(
        f"<li>{escape(str(a.comment.file))}:{a.comment.line or 'all'} “{escape(a.comment.text)}”: {escape(told.why_fine(a))}</li>"
        for a in result.false_alarms
    )
    code = "".join(
        f"<h3>{escape(name)}</h3><pre>"
        + "\n".join(
            f"<span class='{'flag' if (name, number) in flagged else ''}'>{number:4} {escape(line)}</span>"
            for number, line in enumerate(text.splitlines(), 1)
        )
        + "</pre>"
        for name, text in session.round.files.items()
    )
    head = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(session.round.code)}</title><style>{_STYLE}</style>"
    return (
        f"{head}<h1>{escape(session.round.scenario.title)}</h1><p>{escape(session.round.code)}, {session.round.level.name}</p>"
        f"<p><strong>{result.score:.0f}, {result.band}.</strong> {escape(counts(result))}</p>"
        f"<table><thead><tr><th>line<th>severity<th>you<th>linter<th>flag</tr></thead><tbody>{rows}</tbody></table>"
        f"{details}{f'<h2>False alarms</h2><ul>{alarms}</ul>' if alarms else ''}<h2>Code</h2>{code}</html>\n"
    )


def _clock(seconds: float) -> str:
    return f"{'-' if seconds < 0 else ''}{int(abs(seconds)) // 60}:{int(abs(seconds)) % 60:02}"
