"""The interviewer's pack: a folder to hand to a candidate, and one to keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .questions import next_questions
from .rounds import Round
from .session import SessionError

_AXES = {
    "Detection": (
        "finds little of what matters",
        "finds the obvious",
        "finds the serious ones",
        "finds what is missing, and across lines",
    ),
    "Priorities": (
        "a list of nits",
        "mixes risks and preferences",
        "blockers first",
        "weighs them by what the ticket needs",
    ),
    "Reasoning": (
        "asserts",
        "names a rule",
        "says what happens",
        "says how one would notice, and when it would not matter",
    ),
    "Fix and proof": ("none", "a direction", "a fix that works", "a fix and the test that would have caught it"),
    "Communication": ("blunt or vague", "clear with help", "clear, asks when unsure", "a review one would like to get"),
}
_CANDIDATE = """\
# {title}

You have {minutes} minutes. Read ticket.md, then review the change as if a colleague had opened it this morning: write down what you would
say, where, and how serious it is, and whether you would approve it. You may ask anything. Nothing needs to run.
"""


def pack(round_: Round, folder: Path) -> None:
    """Write ``candidate/`` and ``interviewer/`` below a folder. Raises ``SessionError`` where something is there already."""
    if folder.exists() and any(folder.iterdir()):
        raise SessionError(f"{folder}: is not empty: choose another with --out")
    candidate, interviewer = folder / "candidate", folder / "interviewer"
    try:
        for part in (candidate, interviewer):
            part.mkdir(parents=True)
        told = _CANDIDATE.format(title=round_.scenario.title, minutes=round_.level.minutes)
        (candidate / "README.md").write_text(told, encoding="utf-8")
        (candidate / "ticket.md").write_text(round_.scenario.ticket, encoding="utf-8")
        for name, text in round_.files.items():
            (candidate / name).write_text(text, encoding="utf-8")
        (interviewer / "key.md").write_text("\n".join(_key(round_)) + "\n", encoding="utf-8")
        (interviewer / "sheet.md").write_text("\n".join(_sheet(round_)) + "\n", encoding="utf-8")
    except OSError as error:
        raise SessionError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _key(round_: Round) -> Iterator[str]:
    minutes = round_.level.minutes
    yield f"# Key of {round_.code}: {round_.scenario.title}\n"
    yield f"2 minutes of context, {minutes // 2} to read and mark, 5 to walk through, then questions."
    yield "The same code is the same file for everyone.\n"
    yield "## Flags\n\n| place | severity | expected of | flag |\n|---|---|---|---|"
    for flag in round_.rendered.flags:
        level = {1: "everyone", 2: "a mid-level engineer", 3: "a senior engineer"}[flag.site.subtlety]
        yield f"| {flag.file}:{', '.join(map(str, flag.lines))} | {flag.site.severity} | {level} | {flag.site.title} |"
    for flag in round_.rendered.flags:
        site = flag.site
        yield f"\n### {site.title} ({flag.file}:{flag.lines[0]})\n"
        for name, texts in (("why", site.why), ("fix", site.fix), ("hint", site.hints), ("ask", next_questions(site))):
            yield from (f"- {name}: {text}" for text in texts)
        if site.pushback:
            yield f"- the author says: “{site.pushback}”"
    yield "\n## Look-alikes: these are right\n"
    for decoy in round_.rendered.decoys:
        yield f"- {decoy.file}:{', '.join(map(str, decoy.lines))}: {decoy.reason}"


def _sheet(round_: Round) -> Iterator[str]:
    yield f"# Sheet for {round_.code}\n\nCandidate: ____  Interviewer: ____  Date: ____\n"
    yield "Tick what was found without help (x), or with a hint (h):\n"
    yield from (f"- [ ] {flag.site.severity}: {flag.site.title}" for flag in round_.rendered.flags)
    yield "\n| axis | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|"
    yield from (f"| {axis} | {' | '.join(anchors)} |" for axis, anchors in _AXES.items())
    yield "\nRecommendation, last, with one sentence of evidence for each axis: ____"
