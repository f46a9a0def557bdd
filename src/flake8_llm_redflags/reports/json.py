"""Findings as a JSON list of objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

from ..finding import Finding


def as_object(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON data. Lines and columns count from 1, the end column is exclusive, as flake8 prints them.

    ``fix`` is None or the edit: its title, whether it is safe, the character offsets to replace, the imports it needs.
    """
    edit = finding.edit
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": str(finding.severity),
        "message": finding.message,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "end_line": finding.end_line,
        "end_column": finding.end_column,
        "fix": None
        if edit is None
        else {
            "title": edit.title,
            "safe": edit.safe,
            "edits": [{"start": r.start, "end": r.end, "text": r.text} for r in edit.replacements],
            "imports": list(edit.imports),
        },
    }


def report(findings: Sequence[Finding], console: Console, text_of: Callable[[str], str | None]) -> None:
    """Write all findings as one JSON list."""
    console.file.write(json.dumps([as_object(finding) for finding in findings], indent=2, ensure_ascii=False) + "\n")
