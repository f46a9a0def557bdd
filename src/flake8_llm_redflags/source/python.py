"""One Python file as text, with what is needed to write it back unchanged."""

from __future__ import annotations

import ast
import codecs
import io
import tokenize
from dataclasses import dataclass, field
from pathlib import Path, PurePath


class Unreadable(Exception):
    """A file that cannot be read or decoded; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file as Python sees it, line ends kept, the byte order mark taken off.

    ``root`` is the parsed ``ast`` where the caller has it already (flake8 does).
    """

    path: str
    text: str
    encoding: str = "utf-8"
    bom: bool = False
    root: ast.Module | None = field(default=None, compare=False, repr=False)

    def encode(self, text: str) -> bytes:
        """Return ``text`` as the bytes of this file: same encoding, same byte order mark."""
        return (codecs.BOM_UTF8 if self.bom else b"") + text.encode(self.encoding)


def is_test(path: str) -> bool:
    """Is the file a test, by its name or by a folder near it?"""
    *folders, name = PurePath(path).parts or ("",)
    if name.startswith("test_") or name.endswith("_test.py") or name in ("conftest.py", "tests.py"):
        return True
    return not {"tests", "unittests"}.isdisjoint(folders[-3:])


def decode(data: bytes, path: str) -> Source:
    """Decode the bytes of a Python file by its byte order mark or coding line; raises ``Unreadable``."""
    if b"\0" in data:
        raise Unreadable(f"{path}: holds NUL bytes, so it is not Python source; exclude it or remove them")
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        bom = data.startswith(codecs.BOM_UTF8)
        text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8" if encoding == "utf-8-sig" else encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        remedy = "name its encoding in the first line (# -*- coding: … -*-)"
        raise Unreadable(f"{path}: {_reason(error)}; {remedy}") from error
    return Source(path, text, "utf-8" if encoding == "utf-8-sig" else encoding, bom)


def read(path: Path | str) -> Source:
    """Read a Python file; raises ``Unreadable`` with one line that says why."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Unreadable(f"{path}: {error.strerror or error}") from error
    return decode(data, str(path))


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not valid {error.encoding}"
    return str(error)
