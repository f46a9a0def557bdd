"""What ``pyproject.toml`` and the command line ask for, as one ``Config``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config import Config
from .problem import Problem

TABLE = "llm-redflags"

_CODE = re.compile(r"[A-Z]{1,3}\d{0,3}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one run: what the linter needs, and which files are left out."""

    config: Config = Config()
    exclude: tuple[str, ...] = ()


def load(start: Path) -> Settings:
    """Read ``[tool.llm-redflags]`` of the nearest ``pyproject.toml`` that has one, from ``start`` upwards."""
    for folder in (start, *start.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            data = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise Problem(f"{file}: cannot be read: {error}") from error
        table = data.get("tool", {}).get(TABLE)
        if table is not None:
            return _settings(table, file)
    return Settings()


def _settings(table: dict[str, Any], file: Path) -> Settings:
    known = {"select", "ignore", "preview", "exclude", "allowed-secrets", "allowed-secret-names"}
    for key in table:
        if key not in known:
            raise Problem(f"{file}: [tool.{TABLE}] has no option {key!r}; it knows {', '.join(sorted(known))}")
    preview = table.get("preview", False)
    if not isinstance(preview, bool):
        raise Problem(f"{file}: [tool.{TABLE}] preview must be true or false")
    lists = {key: _strings(table, key, file) for key in known - {"preview"}}
    config = Config(
        select=codes(lists["select"], f"{file}: select") or Config().select,
        ignore=codes(lists["ignore"], f"{file}: ignore"),
        preview=preview,
        allowed_secrets=frozenset(value.lower() for value in lists["allowed-secrets"]),
        allowed_secret_names=lists["allowed-secret-names"],
    )
    return Settings(config, lists["exclude"])


def _strings(table: dict[str, Any], key: str, file: Path) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Problem(f"{file}: [tool.{TABLE}] {key} must be a list of strings")
    return tuple(value)


def codes(values: Sequence[str], where: str) -> tuple[str, ...]:
    """Split ``"LRF1,LRF301"`` into prefixes; raises ``Problem`` for what is no code."""
    found = tuple(part.strip().upper() for value in values for part in value.split(",") if part.strip())
    for code in found:
        if not _CODE.fullmatch(code):
            raise Problem(f"{where}: {code!r} is no code or prefix of one, such as LRF301 or LRF3")
    return found


def with_options(
    settings: Settings, select: Sequence[str], ignore: Sequence[str], preview: bool, exclude: Sequence[str]
) -> Settings:
    """Return the settings with what the command line says on top."""
    config = settings.config
    if select:
        config = replace(config, select=codes(select, "--select"))
    if ignore:
        config = replace(config, ignore=(*config.ignore, *codes(ignore, "--ignore")))
    return Settings(replace(config, preview=config.preview or preview), (*settings.exclude, *exclude))
