"""What a candidate says: ``# REVIEW`` comments in a copy of the files, or the same as JSON from the page."""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from ..knowledge import table
from .scenario import Severity

Label = Literal["issue", "question", "nit", "suggestion", "praise", "note"]
Verdict = Literal["approve", "request-changes"]

SCHEMA = 1

_HEAD = re.compile(
    r"#\s*REVIEW(?:\[(?P<scope>file|pr)\])?\s*(?P<label>issue|question|nit(?:pick)?|suggestion|praise|note)?"
    r"\s*(?:\((?P<decorations>[^)]*)\))?\s*:\s*(?P<text>.*)$",
    re.IGNORECASE,
)
#: What else begins with REVIEW: nothing that somebody wrote may be lost for its form.
_LOOSE = re.compile(r"#\s*REVIEW\b(?:\[(?P<scope>file|pr)\])?(?P<said>.*)$")
_BODY = re.compile(r"\s*#\s?(?P<text>.*)$")
_FIELD = re.compile(r"(?P<name>why|fix)\s*:\s*(?P<text>.*)$", re.IGNORECASE)
_SEVERITIES = {
    "blocker": "blocker",
    "blocking": "blocker",
    "major": "major",
    "minor": "minor",
    "non-blocking": "minor",
}


class ReviewError(ValueError):
    """A review that cannot be read; the message names the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment. ``line`` counts from 1 in the file as it was handed out; None speaks of the file or of everything."""

    text: str
    file: str | None = None
    line: int | None = None
    label: Label = "issue"
    severity: Severity | None = None
    families: tuple[str, ...] = ()
    why: str = ""
    fix: str = ""
    is_real: bool = False  #: the candidate maintains that an unmatched comment is right

    @property
    def words(self) -> str:
        """All that the comment says."""
        return " ".join((self.text, self.why, self.fix))


@dataclass(frozen=True, slots=True)
class Review:
    """All that was handed in. ``hints``: how many hints were taken for each site."""

    comments: tuple[Comment, ...] = ()
    verdict: Verdict | None = None
    summary: str = ""
    hints: dict[str, int] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """Return the review as JSON has it."""
        return {"schema": SCHEMA, **asdict(self)}


def from_object(told: Any) -> Review:
    """Return a review from JSON. Raises ``ReviewError``."""
    if not isinstance(told, dict) or told.get("schema") != SCHEMA:
        raise ReviewError(f"the review is not of schema {SCHEMA}: it was written by another version, or by hand")
    try:
        comments = tuple(_comment(item) for item in told.get("comments", ()))
        hints = {str(site): int(count) for site, count in told.get("hints", {}).items()}
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        raise ReviewError(f"the review's comments cannot be read: {error}") from error
    verdict = told.get("verdict")
    if verdict not in (None, *get_args(Verdict)):
        raise ReviewError(f"verdict {verdict!r} is none of {', '.join(get_args(Verdict))}")
    return Review(comments, verdict, str(told.get("summary", "")), hints)


def _comment(item: dict[str, Any]) -> Comment:
    label, severity, line = item.get("label", "issue"), item.get("severity"), item.get("line")
    if label not in get_args(Label):
        raise ValueError(f"label {label!r} is none of {', '.join(get_args(Label))}")
    if severity not in (None, *get_args(Severity)):
        raise ValueError(f"severity {severity!r} is none of {', '.join(get_args(Severity))}")
    if line is not None and (not isinstance(line, int) or line < 1):
        raise ValueError(f"line {line!r} is no line number")
    families = tuple(family for word in item.get("families", ()) if (family := family_of(word)))
    texts = {name: str(item.get(name) or "") for name in ("text", "why", "fix")}
    return Comment(
        file=item.get("file"),
        line=line,
        label=label,
        severity=severity,
        families=families,
        is_real=bool(item.get("is_real")),
        **texts,
    )


def family_of(word: str) -> str | None:
    """Return the family that a word names by a prefix that no other family has."""
    found = [family for family in table("practice")["families"] if family.startswith(word.strip().lower())]
    return found[0] if word.strip() and len(found) == 1 else word if word in table("practice")["families"] else None


def parse(edited: dict[str, str], originals: dict[str, str]) -> Review:
    """Return the review in edited copies of the files, each comment at its line of the original.

    A trailing comment speaks of its own line, a comment on its own line of the next line of code; plain comments right
    below it go on with it, ``why:`` and ``fix:`` start its parts. Files that were reformatted or mended in place are
    compared with the originals; those that no longer parse are read line by line. Missing files count as unchanged.
    """
    comments: list[Comment] = []
    verdict: Verdict | None = None
    summary = ""
    for name, original in originals.items():
        for comment, scope, decorations in _in_file(edited.get(name, original), original, name):
            if scope == "pr":
                summary = comment.text
                said = {re.sub(r"[\s_]+", "-", word) for word in decorations}
                verdict = next((v for v in get_args(Verdict) if v in said), verdict)
            else:
                comments.append(comment)
    return Review(tuple(comments), verdict, summary)


def _in_file(edited: str, original: str, name: str) -> Iterator[tuple[Comment, str | None, list[str]]]:
    lines, old = edited.splitlines(), original.splitlines()
    kept, heads = _without_comments(lines, _comment_columns(edited), set(map(str.strip, old)))
    place = _places(kept, old)
    for match, position, body in heads:
        while position < len(kept) - 1 and not kept[position].strip():
            position += 1
        decorations = [word.strip().lower() for word in re.split(r"[,;]", match["decorations"] or "") if word.strip()]
        line = None if match["scope"] else place.get(position, len(old))
        yield _told(match, decorations, body, name, line), match["scope"] and match["scope"].lower(), decorations


def _told(
    match: dict[str, str | None], decorations: list[str], body: list[str], file: str, line: int | None
) -> Comment:
    parts: dict[str, list[str]] = {"text": [(match["text"] or "").strip()], "why": [], "fix": []}
    current = "text"
    for text in body:
        if (found := _FIELD.match(text)) is not None:
            current, text = found["name"].lower(), found["text"]
        parts[current].append(text.strip())
    told = {name: " ".join(filter(None, texts)) for name, texts in parts.items()}
    severity = next((_SEVERITIES[word] for word in decorations if word in _SEVERITIES), None)
    families = tuple(family for word in decorations if word not in _SEVERITIES and (family := family_of(word)))
    label = (match["label"] or "issue").lower().replace("nitpick", "nit")
    return Comment(file=file, line=line, label=label, severity=severity, families=families, **told)  # type: ignore[arg-type]


def _comment_columns(text: str) -> dict[int, int]:
    """Return where the comment of each line starts (line from 0); by the bare text from where Python cannot read it."""
    found: dict[int, int] = {}
    read = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            read = token.end[0]
            if token.type == tokenize.COMMENT:
                found[token.start[0] - 1] = token.start[1]
    except (tokenize.TokenError, SyntaxError):
        for number, line in enumerate(text.splitlines()[read:], read):
            match = re.search(r"#\s*REVIEW|^\s*(?=#)", line)
            if match is not None:
                found[number] = match.start() if match[0].strip() else match.end()
    return found


#: What the head of a comment says, by the names of ``_HEAD``; the line that it speaks of; and its body.
_Head = tuple[dict[str, str | None], int, list[str]]


def _head(comment: str) -> dict[str, str | None] | None:
    """Return what the head of a review comment says; None where the comment is no review."""
    if (match := _HEAD.match(comment)) is not None:
        return match.groupdict()
    if (match := _LOOSE.match(comment)) is None:
        return None
    before, colon, text = match["said"].strip(" :-\t").partition(":")
    words = re.split(r"[\s,;]+", before.strip("()[] ").lower())
    known = {*_SEVERITIES, *get_args(Label), *table("practice")["families"], *get_args(Verdict)}
    if set(words) <= known:  # `# REVIEW blocker: what`
        label = next((word for word in words if word in get_args(Label)), None)
        return {"scope": match["scope"], "label": label, "decorations": ",".join(words), "text": text.strip()}
    return {"scope": match["scope"], "label": None, "decorations": None, "text": f"{before}{colon}{text}"}


def _without_comments(lines: list[str], columns: dict[int, int], known: set[str]) -> tuple[list[str], list[_Head]]:
    """Return the lines less the review, and each comment's head, the line left that it speaks of, and its body."""
    kept: list[str] = []
    heads: list[_Head] = []
    open_body: list[str] | None = None
    for number, line in enumerate(lines):
        column = columns.get(number)
        match = _head(line[column:]) if column is not None else None
        is_own_line = column is not None and not line[:column].strip()
        if match is not None:
            open_body = []
            if not is_own_line:
                kept.append(line[:column].rstrip())
            heads.append((match, len(kept) - (not is_own_line), open_body))
        elif open_body is not None and is_own_line and line.strip() not in known:
            open_body.append(_BODY.match(line)["text"])  # type: ignore[index]
        else:
            open_body = None
            kept.append(line)
    return kept, heads


def _places(kept: list[str], old: list[str]) -> dict[int, int]:
    """Return the line of the original (from 1) for each line that is left (from 0)."""
    new, before = [line.rstrip() for line in kept], [line.rstrip() for line in old]
    if new == before:
        return {number: number + 1 for number in range(len(new))}
    found: dict[int, int] = {}
    for tag, start, end, first, last in difflib.SequenceMatcher(None, new, before, autojunk=False).get_opcodes():
        for number in range(start, end):
            line = first + number - start
            found[number] = (line if tag == "equal" else min(line, max(last - 1, first))) + 1
    return {number: min(line, max(len(old), 1)) for number, line in found.items()}


def annotated(files: dict[str, str], comments: Iterable[Comment]) -> dict[str, str]:
    """Return the files with comments written into them: what ``parse`` reads back."""
    written = {}
    for name, text in files.items():
        lines = text.splitlines()
        for comment in sorted((c for c in comments if c.file == name and c.line), key=lambda c: -(c.line or 0)):
            line = lines[comment.line - 1]  # type: ignore[operator]
            indent = line[: len(line) - len(line.lstrip())]
            told = ", ".join(filter(None, (comment.severity, *comment.families)))
            head = f"{indent}# REVIEW {comment.label}{f'({told})' if told else ''}: {comment.text}"
            body = [f"{indent}# {part}: {getattr(comment, part)}" for part in ("why", "fix") if getattr(comment, part)]
            lines[comment.line - 1 : comment.line - 1] = [head, *body]  # type: ignore[operator]
        written[name] = "\n".join(lines) + "\n"
    return written
