"""What the project around a file says of itself: which versions of a library it allows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

#: How many folders up from a file a project's own files are looked for.
_REACH = 12

_REQUIREMENT = re.compile(r"^\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?(?P<bounds>[<>=!~][^;#)]*)?")
_BOUND = re.compile(r"(?P<operator>===|==|~=|<=|>=|<|>|!=)\s*(?P<version>\d+(?:\.\d+)*)")

#: Operators that set a lower end.
_LOWER = ("==", "===", "~=", ">=", ">")

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Range:
    """The lowest and the highest version that is allowed, None where nothing bounds it."""

    oldest: Version | None
    newest: Version | None


def newest_allowed(path: str, library: str) -> Version | None:
    """Return the highest version of a library that the project around ``path`` allows, None where nothing bounds it.

    Read from the nearest folder upwards that says anything of the library: a lock file (``uv.lock``, ``poetry.lock``),
    ``pyproject.toml`` or ``requirements*.txt``. An exclusive bound ``<2.6`` gives the version just below, ``(2, 5, 999)``.
    """
    return _nearest(path, library, "newest")


def oldest_allowed(path: str, library: str) -> Version | None:
    """Return the lowest version of a library that the project around ``path`` allows, None where nothing bounds it.

    Read as for ``newest_allowed``; of an exclusive bound ``>2.4`` the version itself is returned.
    """
    return _nearest(path, library, "oldest")


def _nearest(path: str, library: str, end: Literal["oldest", "newest"]) -> Version | None:
    folder = Path(path).absolute().parent
    for _ in range(_REACH):
        for found in _ranges(folder).get(_normal(library), ()):
            if (version := getattr(found, end)) is not None:
                return version  # type: ignore[no-any-return]
        if (folder / ".git").exists() or folder.parent == folder:
            return None
        folder = folder.parent
    return None


@lru_cache(maxsize=4096)
def _ranges(folder: Path) -> dict[str, list[_Range]]:
    """Return what the files of one folder allow of each library that they bound, in the order in which they are asked."""
    ranges: dict[str, list[_Range]] = {}
    for name, found in (*_locked(folder), *_required(folder)):
        ranges.setdefault(_normal(name), []).append(found)
    return ranges


def _locked(folder: Path) -> Iterator[tuple[str, _Range]]:
    for name in ("uv.lock", "poetry.lock"):
        for package in _toml(folder / name).get("package", []):
            if isinstance(package, dict) and isinstance(package.get("version"), str):
                version = _version(package["version"])
                yield str(package.get("name", "")), _Range(version, version)


def _required(folder: Path) -> Iterator[tuple[str, _Range]]:
    data = _toml(folder / "pyproject.toml")
    project = data.get("project", {})
    lines = [*project.get("dependencies", [])]
    for group in project.get("optional-dependencies", {}).values():
        lines += group
    for name, bounds in data.get("tool", {}).get("poetry", {}).get("dependencies", {}).items():
        if isinstance(bounds, str):
            lines.append(f"{name} {bounds.replace('^', '~=') if bounds[:1] in '<>=~^' else '==' + bounds}")
    for file in sorted(folder.glob("requirements*.txt")) if folder.is_dir() else ():
        lines += _text(file).splitlines()
    for line in lines:
        match = _REQUIREMENT.match(line) if isinstance(line, str) else None
        if match is not None and match["bounds"]:
            yield match["name"], _Range(_oldest(match["bounds"]), _newest(match["bounds"]))


def _oldest(bounds: str) -> Version | None:
    """Return the lowest version that the bounds allow, None where they set no lower end."""
    return max((_version(m["version"]) for m in _BOUND.finditer(bounds) if m["operator"] in _LOWER), default=None)


def _newest(bounds: str) -> Version | None:
    """Return the highest version that the bounds allow, None where they set no upper end."""
    found: list[Version] = []
    for match in _BOUND.finditer(bounds):
        version = _version(match["version"])
        if match["operator"] in ("==", "===", "<="):
            found.append(version)
        elif match["operator"] == "<":
            found.append(_just_below(version))
        elif match["operator"] == "~=":
            found.append((*version[:-1], 999))
    return min(found, default=None)


def _just_below(version: Version) -> Version:
    *head, last = version
    return (*head, last - 1, 999) if last > 0 else (*_just_below(tuple(head)), 999) if any(head) else version


def _version(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3]) or (0,)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _toml(file: Path) -> dict[str, Any]:
    import tomllib  # only files that load something come here

    try:
        return tomllib.loads(_text(file))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
