"""Findings as text: flake8's own lines, or with the code they speak of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ..finding import Finding, Severity
from .masking import masked

_COLOURS = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}
_LINE_END = re.compile(r"\r\n|\r|\n")
_LAST_LINE_END = re.compile(r"(?:\r\n|\r|\n)\Z")
#: Longer lines are cut around the finding: nobody reads a megabyte on one line.
_WIDEST = 160


def concise(findings: Sequence[Finding], console: Console, text_of: Callable[[str], str | None]) -> None:
    """Write one line per finding, exactly as flake8 does."""
    for finding in findings:
        console.file.write(f"{finding.path}:{finding.line}:{finding.column}: {finding.code} {finding.message}\n")


def full(findings: Sequence[Finding], console: Console, text_of: Callable[[str], str | None]) -> None:
    """Write each finding with its message, its place and the lines it stands on, underlined."""
    lines: dict[str, list[str]] = {}
    by_path: dict[str, list[Finding]] = {}
    for finding in findings:
        by_path.setdefault(finding.path, []).append(finding)
    for finding in findings:
        if finding.path not in lines:
            text = text_of(finding.path)
            shown = "" if text is None else masked(text, by_path[finding.path])
            lines[finding.path] = [] if text is None else _LINE_END.split(_LAST_LINE_END.sub("", shown))
        console.print(_frame(finding, lines[finding.path]), soft_wrap=True)


def _frame(finding: Finding, lines: Sequence[str]) -> Text:
    frame = Text()
    colour = _COLOURS[finding.severity]
    frame.append(finding.code, colour).append(f" {finding.message}\n", "bold")
    margin = " " * len(str(finding.line + 1))
    frame.append(f"{margin}--> ", "blue").append(f"{finding.path}:{finding.line}:{finding.column}")
    frame.append(f"  {finding.name}\n", "dim")
    if 1 <= finding.line <= len(lines):
        for number in range(max(finding.line - 1, 1), min(finding.line + 1, len(lines)) + 1):
            shown, start = _cut(lines[number - 1], finding)
            frame.append(f"{number:>{len(margin)}} | ", "blue").append(f"{shown}\n")
            if number == finding.line:
                first = min(finding.column - 1 - start, len(shown))
                last = finding.end_column - 1 - start if finding.end_line == finding.line else len(shown)
                indent, width = cell_len(shown[:first]), max(cell_len(shown[first:last]), 1)
                frame.append(f"{margin} | ", "blue").append(" " * indent + "^" * width + "\n", colour)
    if finding.edit is not None:
        option = "--fix" if finding.edit.safe else "--unsafe-fixes"
        frame.append(f"{margin} = ", "blue").append(f"{option}: {finding.edit.title}\n", "green")
    return frame


def _cut(line: str, finding: Finding) -> tuple[str, int]:
    """Return the part of a line to show, and how many characters are missing in front of it."""
    start = max(min(finding.column - 1 - _WIDEST // 2, len(line) - _WIDEST), 0)
    return "".join(map(_visible, line[start : start + _WIDEST])), start


def _visible(character: str) -> str:
    """Return a space for a tab, and a mark for what a terminal would obey instead of showing it."""
    if character == "\t":
        return " "
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


def statistics(findings: Sequence[Finding], console: Console) -> None:
    """Write how often each code was found, most often first."""
    counts = Counter((finding.code, finding.name, finding.severity) for finding in findings)
    for (code, name, severity), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        line = Text(f"{count:>6}  ").append(code, _COLOURS[severity]).append(f"  {name}")
        console.print(line, soft_wrap=True)


def summary(findings: Sequence[Finding], files: int, mended: str, console: Console) -> None:
    """Write the closing line of a run; ``mended`` says what edits did, or is empty."""
    if not findings:
        console.print(Text(f"No red flags in {count(files, 'file')}{mended}.", "green"), soft_wrap=True)
        return
    safe = sum(finding.edit is not None and finding.edit.safe for finding in findings)
    unsafe = sum(finding.edit is not None and not finding.edit.safe for finding in findings)
    line = Text(f"{count(len(findings), 'finding')} in {count(files, 'file')}{mended}.", "bold")
    if safe:
        line.append(f" {safe} can be mended with --fix.")
    if unsafe:
        line.append(f" {unsafe} {'more ' if safe else 'can be mended '}with --unsafe-fixes.")
    console.print(line, soft_wrap=True)


def count(number: int, noun: str) -> str:
    """Return ``1 file``, ``2 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
