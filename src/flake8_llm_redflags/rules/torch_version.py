"""Which versions of torch the linted project runs on: advice must be right for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..source.project import Version, newest_allowed, oldest_allowed

if TYPE_CHECKING:
    from ..config import Config


def newest_torch(config: Config, path: str) -> Version | None:
    """Return the newest torch that the user's options or the project around ``path`` allow; None where nothing bounds it."""
    return _given(config) or newest_allowed(path, "torch")


def may_have_torch(config: Config, path: str, version: Version) -> bool:
    """May the project run on this torch or a newer one?"""
    newest = newest_torch(config, path)
    return newest is None or newest >= version


def must_have_torch(config: Config, path: str, version: Version) -> bool:
    """Is every torch that the project allows this one or newer? True where it says nothing."""
    oldest = _given(config) or oldest_allowed(path, "torch")
    return may_have_torch(config, path, version) and (oldest is None or oldest >= version)


def _given(config: Config) -> Version | None:
    if config.torch_version is None:
        return None
    return tuple(int(part) for part in config.torch_version.split(".")[:2] if part.isdigit())
