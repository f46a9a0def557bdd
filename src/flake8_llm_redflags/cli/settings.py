"""What ``pyproject.toml`` and the command line ask for, as one ``Config``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import allowlist
from ..config import Config
from ..rules import all_rules, rule_for
from .problem import Problem

TABLE = "llm-redflags"

_OPTIONS = {"select", "ignore", "preview", "exclude", "allowed-secrets", "allowed-secret-names"}
_CODE = re.compile(r"[A-Z]{1,3}\d{0,3}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of one run: what the linter needs, and the patterns of what is left out, each with its folder."""

    config: Config = field(default_factory=Config)
    exclude: tuple[tuple[Path, tuple[str, ...]], ...] = ()


def load(start: Path) -> Settings:
    """Read ``[tool.llm-redflags]`` of the nearest ``pyproject.toml`` that has one, and the nearest allowlist."""
    settings = next((found for folder in (start, *start.parents) if (found := _settings_of(folder))), Settings())
    file = allowlist.nearest(start)
    try:
        allowed = settings.config.allowed_secrets | allowlist.read(file)
    except OSError as error:
        raise Problem(f"{file}: cannot be read: {error.strerror or error}") from error
    return replace(settings, config=replace(settings.config, allowed_secrets=allowed))


def _settings_of(folder: Path) -> Settings | None:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return None
    try:
        tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Problem(f"{file}: cannot be read: {error}") from error
    if not isinstance(tool, dict) or TABLE not in tool:
        return None
    if not isinstance(tool[TABLE], dict):
        raise Problem(f"{file}: tool.{TABLE} must be a table")
    return _settings(tool[TABLE], file)


def _settings(table: dict[str, Any], file: Path) -> Settings:
    where = f"{file}: [tool.{TABLE}]"
    for key in table:
        if key not in _OPTIONS:
            raise Problem(f"{where} has no option {key!r}; it knows {', '.join(sorted(_OPTIONS))}")
    preview = table.get("preview", False)
    if not isinstance(preview, bool):
        raise Problem(f"{where} preview must be true or false")
    lists = {key: _strings(table, key, where) for key in _OPTIONS - {"preview"}}
    for pattern in lists["allowed-secret-names"]:
        try:
            re.compile(pattern)
        except re.error as error:
            raise Problem(f"{where} allowed-secret-names: {pattern!r} is no regular expression: {error}") from error
    config = Config(
        select=selected(lists["select"], f"{where} select") or Config().select,
        ignore=codes(lists["ignore"], f"{where} ignore"),
        preview=preview,
        allowed_secrets=frozenset(value.lower() for value in lists["allowed-secrets"]),
        allowed_secret_names=lists["allowed-secret-names"],
    )
    return Settings(config, ((file.parent, lists["exclude"]),))


def _strings(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Problem(f"{where} {key} must be a list of strings")
    return tuple(value)


def codes(values: Sequence[str], where: str) -> tuple[str, ...]:
    """Split ``"LRF1,unfused-attention"`` into prefixes of codes; raises ``Problem`` for what is none."""
    parts = [part.strip() for value in values for part in value.split(",") if part.strip()]
    return tuple(_prefix(part, where) for part in parts)


def selected(values: Sequence[str], where: str) -> tuple[str, ...]:
    """Do the same, and raise ``Problem`` for a prefix that selects nothing: it would pass for a clean run."""
    found = codes(values, where)
    known = [rule.code for rule in all_rules()] + ["LRF900", "LRF999"]
    for prefix in found:
        if not any(code.startswith(prefix) for code in known):
            raise Problem(f"{where}: no rule's code starts with {prefix}; `redflags rules` lists them all")
    return found


def _prefix(part: str, where: str) -> str:
    if _CODE.fullmatch(part.upper()):
        return part.upper()
    rule = rule_for(part)
    if rule is None:
        raise Problem(f"{where}: {part!r} is no code, no prefix of one and no rule's name, such as LRF301 or LRF3")
    return rule.code


def with_options(
    settings: Settings, select: Sequence[str], ignore: Sequence[str], preview: bool, exclude: Sequence[str], noqa: bool
) -> Settings:
    """Return the settings with what the command line says on top."""
    config = replace(settings.config, preview=settings.config.preview or preview, noqa=noqa)
    if select:
        config = replace(config, select=selected(select, "--select"))
    if ignore:
        config = replace(config, ignore=(*config.ignore, *codes(ignore, "--ignore")))
    return Settings(config, (*settings.exclude, (Path.cwd(), tuple(exclude))))
