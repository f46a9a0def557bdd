"""``.redflags-allow``: fingerprints of literals that look like secrets and are none.

One SHA-256 in hexadecimal a line; what follows ``#`` is a comment, and says where the value stood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

NAME = ".redflags-allow"

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def nearest(start: Path) -> Path | None:
    """Return the allowlist in a folder or the next one above it, None where there is none."""
    return next((file for folder in (start, *start.parents) if (file := folder / NAME).is_file()), None)


def read(file: Path | None) -> frozenset[str]:
    """Return the fingerprints of an allowlist; lines that hold none count for nothing. Raises ``OSError``."""
    if file is None:
        return frozenset()
    lines = file.read_text(encoding="utf-8", errors="replace").lower().splitlines()
    return frozenset(word for line in lines if _FINGERPRINT.fullmatch(word := line.partition("#")[0].strip()))


def extend(file: Path, entries: Iterable[tuple[str, str]]) -> int:
    """Append (fingerprint, comment) entries that the file lacks, and return how many. Raises ``OSError``."""
    known = set(read(file)) if file.is_file() else set()
    lines = []
    for fingerprint, comment in entries:
        if fingerprint not in known:
            known.add(fingerprint)
            lines.append(f"{fingerprint}  # {comment}\n")
    if lines:
        with file.open("a", encoding="utf-8") as out:
            out.writelines(lines)
    return len(lines)
