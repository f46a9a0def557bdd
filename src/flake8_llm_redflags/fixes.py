"""Edits become new source: applied together without overlap, again and again until nothing changes."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .config import Config
from .finding import Finding, Replacement
from .imports import new_imports, parsed
from .linter import INTERNAL_ERROR, NOT_ANALYSED, lint
from .rules import Rule
from .source import Source

#: Mending one finding can bring the next to light (nested calls); so many rounds in a row after which not fewer
#: findings are left to mend mean that a rule is at odds with itself or with another.
_PATIENCE = 5
#: However steadily it gets better, one file is not linted more often than this.
_ROUNDS = 100

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Fixed:
    """The outcome of fixing one file: its new source, what was mended, and what is still reported."""

    source: Source
    applied: tuple[Finding, ...]
    remaining: tuple[Finding, ...]


def fix(source: Source, config: Config, *, unsafe: bool = False, rules: Sequence[type[Rule]] | None = None) -> Fixed:
    """Apply the safe edits of all findings, and with ``unsafe`` the others too, until none is left.

    An edit is dropped where it overlaps an earlier one (the next round sees it again), where the result would not
    parse or could not be written in the file's encoding, where its finding would still be there, and where its rule
    would never come to rest.
    """
    barred: set[str] = set()
    while True:
        fixed, restless = _until_stable(source, config, unsafe, rules, barred)
        if not restless:
            return fixed
        barred |= restless


def _until_stable(
    source: Source, config: Config, unsafe: bool, rules: Sequence[type[Rule]] | None, barred: Collection[str]
) -> tuple[Fixed, set[str]]:
    """Return the outcome, and the codes whose edits came to no rest: with any of those it is of no use."""
    applied: list[Finding] = []
    found = lint(source, config, rules)
    refused: set[tuple[str, int]] = set()  #: code and offset of findings whose edit is of no use
    fewest, patience = len(found) + 1, _PATIENCE
    late: set[str] = set()  #: codes whose edits were applied since there were fewest left to mend
    for _ in range(_ROUNDS):
        places = _Places(source.text)
        wanted = [
            finding
            for finding in found
            if finding.edit is not None and (finding.edit.safe or unsafe) and finding.code not in barred
            if (finding.code, places.offset(finding)) not in refused
        ]
        if len(wanted) < fewest:
            fewest, patience, late = len(wanted), _PATIENCE, set()
        elif patience == 0:
            return Fixed(source, tuple(applied), tuple(found)), late
        patience -= 1
        chosen, bad = _applicable(source, _without_overlap(wanted))
        refused |= {(finding.code, places.offset(finding)) for finding in bad}
        if not chosen:
            if bad:
                continue
            break
        replacements = _replacements(source, chosen)
        assert replacements is not None
        mended = replace(source, text=_replaced(source.text, replacements), root=None)
        after = lint(mended, config, rules)
        shift = _Shift(replacements)
        useless = _still_there(chosen, found, after, places, _Places(mended.text), shift)
        if useless:
            refused |= {(finding.code, places.offset(finding)) for finding in useless}
            continue
        late |= {finding.code for finding in chosen}
        applied += chosen
        refused = {(code, shift(offset)[1]) for code, offset in refused}
        source, found = mended, after
    return Fixed(source, tuple(applied), tuple(found)), set()


# ---- which edits can be applied


def _without_overlap(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings whose edits touch no text that an earlier one touches."""
    chosen: list[Finding] = []
    taken: list[Replacement] = []
    for finding in findings:
        edit = finding.edit
        if edit is None or not edit.replacements or any(_is_taken(taken, mine) for mine in edit.replacements):
            continue
        chosen.append(finding)
        for mine in edit.replacements:
            insort(taken, mine)
    return chosen


def _is_taken(taken: Sequence[Replacement], mine: Replacement) -> bool:
    """Tell whether a replacement meets one of those in a sorted list that do not meet each other."""
    number = bisect_left(taken, mine)
    return any(_meet(mine, other) for other in taken[max(number - 2, 0) : number + 2])


def _meet(one: Replacement, other: Replacement) -> bool:
    if one.start == one.end or other.start == other.end:  # an insertion must not even stand beside another change
        return one.start <= other.end and other.start <= one.end
    return one.start < other.end and other.start < one.end


def _applicable(source: Source, findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """Split findings into those whose edits together give a file that parses, and the ones that stand in the way."""
    kept: list[Finding] = []
    bad: list[Finding] = []
    pending = [list(findings)] if findings else []
    while pending:
        some = pending.pop()
        if _is_sound(source, [*kept, *some]):
            kept += some
        elif len(some) == 1:
            bad += some
        else:
            pending += [some[len(some) // 2 :], some[: len(some) // 2]]
    return kept, bad


def _is_sound(source: Source, findings: Sequence[Finding]) -> bool:
    replacements = _replacements(source, findings)
    if replacements is None:
        return False
    text = _replaced(source.text, replacements)
    try:
        source.encode(text)
    except UnicodeEncodeError:
        return False
    return parsed(text) is not None


def _replacements(source: Source, findings: Sequence[Finding]) -> list[Replacement] | None:
    """Return all replacements of the findings' edits, their imports included; None where an import has no place."""
    edits = [finding.edit for finding in findings if finding.edit is not None]
    replacements = sorted(replacement for edit in edits for replacement in edit.replacements)
    imports = new_imports(source.text, edits)
    if imports is None:
        return None
    if imports.text:
        replacements.insert(bisect_left(replacements, (imports.start,), key=lambda r: (r.start,)), imports)
    if any(one.end > other.start for one, other in pairwise(replacements)):
        return None
    return replacements


def _replaced(text: str, replacements: Sequence[Replacement]) -> str:
    pieces, place = [], 0
    for replacement in replacements:
        pieces += [text[place : replacement.start], replacement.text]
        place = replacement.end
    return "".join([*pieces, text[place:]])


# ---- which findings are gone


class _Places:
    """Offsets of findings in a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(text))]

    def offset(self, finding: Finding) -> int:
        return self._starts[min(finding.line, len(self._starts)) - 1] + finding.column - 1


class _Shift:
    """Where a place of the old text is in the new one."""

    def __init__(self, replacements: Sequence[Replacement]) -> None:
        self._replacements = replacements
        self._starts = [replacement.start for replacement in replacements]
        self._deltas = [0]
        for replacement in replacements:
            self._deltas.append(self._deltas[-1] + len(replacement.text) - (replacement.end - replacement.start))

    def __call__(self, offset: int) -> tuple[int, int]:
        """Return the first and the last place that an offset may have moved to: two if text around it was replaced."""
        number = bisect_right(self._starts, offset)
        first = offset + self._deltas[number]
        last = first
        for earlier in reversed(range(number)):
            replacement = self._replacements[earlier]
            if not (replacement.start <= offset < replacement.end or replacement.start == offset):
                break
            first = replacement.start + self._deltas[earlier]
            last = max(last, first + len(replacement.text))
        return first, last


def _still_there(
    chosen: Sequence[Finding],
    before: Sequence[Finding],
    after: Sequence[Finding],
    old: _Places,
    new: _Places,
    shift: _Shift,
) -> list[Finding]:
    """Return the findings that their edits did not remove; all of them where the edits cost us the whole file."""
    if _failures(after) > _failures(before):
        return list(chosen)
    moved = _by_code((finding.code, shift(old.offset(finding))[1]) for finding in before)
    present = _by_code((finding.code, new.offset(finding)) for finding in after)

    def is_there(finding: Finding) -> bool:
        first, last = shift(old.offset(finding))
        return _between(present.get(finding.code, []), first, last) >= _between(moved[finding.code], first, last)

    return [finding for finding in chosen if is_there(finding)]


def _failures(findings: Sequence[Finding]) -> int:
    return sum(finding.code in (NOT_ANALYSED, INTERNAL_ERROR) for finding in findings)


def _by_code(places: Iterator[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for code, offset in sorted(places):
        found.setdefault(code, []).append(offset)
    return found


def _between(places: Sequence[int], first: int, last: int) -> int:
    return bisect_right(places, last) - bisect_left(places, first)
