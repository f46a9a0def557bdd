"""Which files a run reads: named files, and every Python file below named folders that nothing excludes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pathspec

#: Folders that hold no source of the project's own; so does one with a ``pyvenv.cfg``.
ALWAYS_EXCLUDED = frozenset({
    ".bzr", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv",
    "__pycache__", "node_modules", "site-packages", "venv",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unusable:
    """A path that cannot be read as a file or a folder, with the reason in one line; ``named`` by the user or found."""

    path: str
    reason: str
    named: bool


class Patterns:
    """Patterns as in ``.gitignore``, relative to a folder: what they match is left out, ``!`` takes it back in."""

    def __init__(self, lines: Sequence[str], base: Path) -> None:
        """Raises ``ValueError`` for a pattern that is none."""
        self._base = _absolute(base)
        self._spec = pathspec.GitIgnoreSpec.from_lines(lines)

    def verdict(self, path: Path, *, folder: bool) -> bool | None:
        """Return True where the path is left out, False where it is taken back in, None where no pattern fits."""
        absolute = _absolute(path)
        try:
            relative = absolute.relative_to(self._base).as_posix()
        except ValueError:  # somewhere else: patterns for names still count
            relative = absolute.as_posix().lstrip("/")
        return self._spec.check_file(f"{relative}/" if folder else relative).include


def discover(
    paths: Sequence[str], exclude: Sequence[Patterns] = (), *, gitignore: bool = True, force_exclude: bool = False
) -> Iterator[Path | Unusable]:
    """Yield the files to lint, each once, sorted within a folder; what cannot be used is yielded as ``Unusable``.

    A named file is read whatever it is called and, without ``force_exclude``, whatever excludes it. Folders are
    searched for ``*.py`` and ``*.pyi``; links to folders are not followed, so that no loop can trap the search.
    """
    seen: set[Path] = set()
    for name in paths:
        for found in _named(Path(name), list(exclude), gitignore=gitignore, force_exclude=force_exclude):
            if isinstance(found, Unusable):
                yield found
            elif (key := _absolute(found)) not in seen:
                seen.add(key)
                yield found


def _named(path: Path, exclude: list[Patterns], *, gitignore: bool, force_exclude: bool) -> Iterator[Path | Unusable]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Unusable(str(path), _reason(error), named=True)
        return
    if stat.S_ISDIR(mode):
        inherited = _inherited(path) if gitignore else []
        if _excluded(path, inherited, folder=True):  # the user wants it all the same
            inherited = []
        yield from _below(path, [*inherited, *exclude], gitignore=gitignore)
    elif not stat.S_ISREG(mode):
        yield Unusable(str(path), "not a regular file", named=True)
    elif not (
        force_exclude and any(_excluded(part, exclude, folder=part is not path) for part in (*path.parents, path))
    ):
        yield path


def _below(top: Path, patterns: list[Patterns], *, gitignore: bool) -> Iterator[Path | Unusable]:
    stack = [(top, patterns)]
    while stack:
        folder, active = stack.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Unusable(str(folder), _reason(error), named=folder is top)
            continue
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names and folder is not top:
            continue
        if gitignore and ".gitignore" in names:
            active = [*active, *_read_ignore(folder / ".gitignore")]
        folders = []
        for entry in entries:
            path = Path(entry.path)
            found = _look_at(entry, path)
            if found is None or _excluded(path, active, folder=found == "folder"):
                continue
            if found == "folder":
                folders.append((path, active))
            else:
                yield path if found == "file" else found
        stack.extend(reversed(folders))


def _look_at(entry: os.DirEntry[str], path: Path) -> str | Unusable | None:
    """Return whether an entry is a ``"folder"`` or a ``"file"`` to read; None for anything else."""
    try:
        if entry.is_dir(follow_symlinks=False):
            return None if entry.name in ALWAYS_EXCLUDED else "folder"
        if not entry.name.endswith((".py", ".pyi")):
            return None
        mode = path.stat().st_mode
    except OSError as error:
        return Unusable(str(path), _reason(error), named=False)
    return "file" if stat.S_ISREG(mode) else None


def _excluded(path: Path, patterns: Sequence[Patterns], *, folder: bool) -> bool:
    """Tell whether the last pattern that speaks of the path excludes it."""
    verdicts = (some.verdict(path, folder=folder) for some in reversed(patterns))
    return next((verdict for verdict in verdicts if verdict is not None), False)


def _inherited(path: Path) -> list[Patterns]:
    """Return the ``.gitignore`` patterns above a folder, up to the top of its repository."""
    absolute = _absolute(path)
    if (absolute / ".git").exists():
        return []
    above = list(absolute.parents)
    top = next((number for number, parent in enumerate(above) if (parent / ".git").exists()), None)
    if top is None:
        return []
    files = (parent / ".gitignore" for parent in reversed(above[: top + 1]))
    return [patterns for file in files if file.is_file() for patterns in _read_ignore(file)]


def _read_ignore(file: Path) -> list[Patterns]:
    """Return the patterns of a ``.gitignore``, none where it cannot be read: git goes on without it, too."""
    try:
        return [Patterns(file.read_text(encoding="utf-8", errors="replace").splitlines(), file.parent)]
    except (OSError, ValueError):
        return []


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
