"""What the project around a file says of itself: which version of a library it pins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

#: How many folders up from a file a project's own files are looked for.
_REACH = 12

_REQUIREMENT = re.compile(r"^\s*(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*\(?(?P<bounds>[<>=!~][^;#)]*)?")
_BOUND = re.compile(r"(?P<operator>===|==|~=|<=|>=|<|>|!=)\s*(?P<version>\d+(?:\.\d+)*)")

Version = tuple[int, ...]


def newest_allowed(path: str, library: str) -> Version | None:
    """Return the highest version of a library that the project around ``path`` allows, None where nothing bounds it.

    Read from the nearest folder upwards that says anything of the library: a lock file (``uv.lock``, ``poetry.lock``),
    ``pyproject.toml`` or ``requirements*.txt``. An exclusive bound ``<2.6`` gives the version just below, ``(2, 5, 999)``.
    """
    folder = Path(path).absolute().parent
    for _ in range(_REACH):
        found = _pins(folder).get(_normal(library))
        if found is not None:
            return found
        if (folder / ".git").exists() or folder.parent == folder:
            return None
        folder = folder.parent
    return None


@lru_cache(maxsize=4096)
def _pins(folder: Path) -> dict[str, Version]:
    """Return the highest allowed version of each bounded library that the files of one folder name; the first wins."""
    pins: dict[str, Version] = {}
    for name, version in (*_locked(folder), *_required(folder)):
        pins.setdefault(_normal(name), version)
    return pins


def _locked(folder: Path) -> Iterator[tuple[str, Version]]:
    for name in ("uv.lock", "poetry.lock"):
        for package in _toml(folder / name).get("package", []):
            if isinstance(package, dict) and isinstance(package.get("version"), str):
                yield str(package.get("name", "")), _version(package["version"])


def _required(folder: Path) -> Iterator[tuple[str, Version]]:
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
        newest = _newest(match["bounds"] or "") if match is not None else None
        if match is not None and newest is not None:
            yield match["name"], newest


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
