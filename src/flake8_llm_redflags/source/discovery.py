"""Which files a run reads: named files, and every Python file below named folders that nothing excludes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pathspec

#: Folders that hold no source of the project's own.
ALWAYS_EXCLUDED = (
    ".bzr/", ".eggs/", ".git/", ".hg/", ".mypy_cache/", ".nox/", ".pytest_cache/", ".ruff_cache/", ".svn/", ".tox/",
    ".venv/", "__pycache__/", "node_modules/", "site-packages/", "venv/",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unusable:
    """A path that cannot be read as a file or a folder, with the reason in one line."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Ignore:
    """The patterns of one ``.gitignore`` (or of the command line), relative to ``base``."""

    base: Path
    spec: pathspec.PathSpec

    def matches(self, path: Path, *, folder: bool) -> bool | None:
        """Return True where the patterns exclude the path, False where one takes it back in, None where none fits."""
        try:
            relative = path.relative_to(self.base).as_posix()
        except ValueError:
            return None
        return self.spec.check_file(f"{relative}/" if folder else relative).include


def discover(paths: Sequence[str], exclude: Sequence[str] = (), *, gitignore: bool = True) -> Iterator[Path | Unusable]:
    """Yield the files to lint, each once, sorted within a folder; what cannot be used is yielded as ``Unusable``.

    A file that is named is read whatever it is called and whatever excludes it. Folders are searched for ``*.py``
    and ``*.pyi``; links to folders are not followed, so that no loop can trap the search.
    """
    here = Path.cwd()
    patterns = _Ignore(here, _spec([*ALWAYS_EXCLUDED, *exclude]))
    seen: set[Path] = set()
    for name in paths:
        path = Path(name)
        for found in _below(path, [patterns, *(_inherited(path) if gitignore else ())], gitignore=gitignore):
            key = found if isinstance(found, Unusable) else _absolute(found)
            if isinstance(key, Unusable) or key not in seen:
                yield found
                if isinstance(key, Path):
                    seen.add(key)


def _below(path: Path, ignores: list[_Ignore], *, gitignore: bool) -> Iterator[Path | Unusable]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Unusable(str(path), error.strerror or str(error))
        return
    if stat.S_ISDIR(mode):
        yield from _walk(path, ignores, gitignore=gitignore)
    elif stat.S_ISREG(mode):
        yield path
    else:
        yield Unusable(str(path), "not a regular file")


def _walk(folder: Path, ignores: list[_Ignore], *, gitignore: bool) -> Iterator[Path | Unusable]:
    stack = [(folder, ignores)]
    while stack:
        current, active = stack.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: entry.name)
        except OSError as error:
            yield Unusable(str(current), error.strerror or str(error))
            continue
        own = current / ".gitignore"
        if gitignore and own.is_file():
            active = [*active, _read_ignore(own)]
        folders = []
        for entry in entries:
            path = Path(entry.path)
            is_folder = entry.is_dir(follow_symlinks=False)
            if not is_folder and not entry.name.endswith((".py", ".pyi")):
                continue
            if _excluded(_absolute(path), active, folder=is_folder):
                continue
            if is_folder:
                folders.append((path, active))
            elif entry.is_file():
                yield path
            elif entry.is_symlink() and not entry.is_dir():
                yield Unusable(str(path), "a link that leads nowhere")
        stack.extend(reversed(folders))


def _excluded(path: Path, ignores: Sequence[_Ignore], *, folder: bool) -> bool:
    """Tell whether the last pattern that speaks of the path excludes it."""
    verdicts = (ignore.matches(path, folder=folder) for ignore in reversed(ignores))
    return next((verdict for verdict in verdicts if verdict is not None), False)


def _inherited(path: Path) -> list[_Ignore]:
    """Return the ``.gitignore`` patterns above a path, up to the top of its repository."""
    absolute = _absolute(path)
    above = list(absolute.parents)
    top = next((number for number, parent in enumerate(above) if (parent / ".git").exists()), None)
    if top is None or (absolute / ".git").exists():
        return []
    files = [parent / ".gitignore" for parent in reversed(above[: top + 1])]
    return [_read_ignore(file) for file in files if file.is_file()]


def _read_ignore(file: Path) -> _Ignore:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return _Ignore(_absolute(file.parent), _spec(lines))


def _spec(lines: Sequence[str]) -> pathspec.PathSpec:
    return pathspec.GitIgnoreSpec.from_lines(lines)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
