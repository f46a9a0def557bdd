"""Scenarios: template files with mutation sites, and what their author says about each site."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

Severity = Literal["blocker", "major", "minor"]
VariantKind = Literal["good", "bad", "decoy"]

_SITE = re.compile(r"\s*#@ site (?P<name>[\w-]+)\s*$")
_VARIANT = re.compile(r"\s*#@ (?P<kind>good|bad|decoy)\s*$")
_END = re.compile(r"\s*#@ end\s*$")
_TEMPLATE = ".tpl"


class ScenarioError(ValueError):
    """A scenario is not written as it must be; the message names file, line or key, and the remedy."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to write a site, its marks still in the lines."""

    kind: VariantKind
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """One place of a scenario that changes from round to round, and everything the author knows about it.

    ``concept`` is the code of a rule, or the slug of what only a person sees. ``words``: groups of regular expressions,
    each of which a comment that names the flag must match. ``why`` and ``fix`` are what a full answer says; ``probes``
    what an interviewer asks next; ``hints`` lead there step by step; ``pushback`` is what the author would answer.
    """

    name: str
    variants: tuple[Variant, ...]
    concept: str
    title: str
    severity: Severity
    family: str
    subtlety: int
    words: tuple[tuple[str, ...], ...]
    why: tuple[str, ...]
    fix: tuple[str, ...]
    probes: tuple[str, ...]
    hints: tuple[str, ...]
    pushback: str
    decoy: str
    evidence: str
    across: bool = False  #: shows only between two files: no drill can be about it


@dataclass(frozen=True, slots=True)
class Template:
    """One file of a scenario: plain lines and sites, in order."""

    name: str
    parts: tuple[str | Site, ...]


@dataclass(frozen=True)
class Scenario:
    """A realistic change with a ticket that sets the stakes."""

    name: str
    code: str
    title: str
    ticket: str
    templates: tuple[Template, ...]
    conflicts: tuple[tuple[str, str], ...]
    digest: str

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """All sites, in the order of files and lines."""
        return tuple(part for template in self.templates for part in template.parts if isinstance(part, Site))


def load(folder: Path) -> Scenario:
    """Read the scenario in a folder. Raises ``ScenarioError``."""
    try:
        told = tomllib.loads((folder / "scenario.toml").read_text(encoding="utf-8"))
        ticket = (folder / "ticket.md").read_text(encoding="utf-8")
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ScenarioError(f"{folder}: {error}") from error
    sites = told.get("site", {})
    templates, texts = [], [ticket, repr(told)]
    for name in _required(told, "files", folder / "scenario.toml"):
        path = folder / f"{name}{_TEMPLATE}"
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(f"{path}: {error.strerror}: `files` in scenario.toml names it") from error
        templates.append(_template(name, text, sites, path))
        texts.append(text)
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    get = {key: _required(told, key, folder / "scenario.toml") for key in ("code", "title")}
    conflicts = tuple((first, second) for first, second in told.get("conflicts", ()))
    scenario = Scenario(folder.name, get["code"], get["title"], ticket, tuple(templates), conflicts, digest)
    _check_names(scenario, sites, folder)
    return scenario


def load_all(folder: Path) -> list[Scenario]:
    """Return all scenarios below a folder, by name. Raises ``ScenarioError``."""
    return [load(path.parent) for path in sorted(folder.glob("*/scenario.toml"))]


def _template(name: str, text: str, told: dict[str, Any], path: Path) -> Template:
    parts: list[str | Site] = []
    site: str | None = None
    variants: list[tuple[VariantKind, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if site is None:
            if (match := _SITE.match(line)) is not None:
                site, variants = match["name"], []
            elif "#@" in line:
                raise ScenarioError(f"{path}:{number}: {line.strip()!r} outside of a site")
            else:
                parts.append(line)
        elif (match := _VARIANT.match(line)) is not None:
            variants.append((match["kind"], []))  # type: ignore[arg-type]
        elif _END.match(line):
            parts.append(_site(site, variants, told, path))
            site = None
        elif not variants or "#@" in line:
            raise ScenarioError(
                f"{path}:{number}: site {site!r} needs `#@ good`, `#@ bad` or `#@ decoy` before code, then `#@ end`"
            )
        else:
            variants[-1][1].append(line)
    if site is not None:
        raise ScenarioError(f"{path}: site {site!r} has no `#@ end`")
    return Template(name, tuple(parts))


def _site(name: str, variants: list[tuple[VariantKind, list[str]]], told: dict[str, Any], path: Path) -> Site:
    where = path.parent / "scenario.toml"
    about = told.get(name)
    if about is None:
        raise ScenarioError(f"{where}: [site.{name}] is missing: {path.name} has that site")
    kinds = [kind for kind, _ in variants]
    if kinds.count("good") != 1 or kinds[0] != "good" or "bad" not in kinds:
        raise ScenarioError(f"{path}: site {name!r} needs one `good` variant first, and a `bad` one")
    severity = _required(about, "severity", where, name)
    if severity not in get_args(Severity):
        raise ScenarioError(f"{where}: [site.{name}] severity {severity!r} is none of {', '.join(get_args(Severity))}")
    return Site(
        name=name,
        variants=tuple(Variant(kind, tuple(lines)) for kind, lines in variants),
        concept=_required(about, "concept", where, name),
        title=_required(about, "title", where, name),
        severity=severity,
        family=_required(about, "family", where, name),
        subtlety=about.get("subtlety", 2),
        words=tuple(map(tuple, about.get("words", ()))),
        why=tuple(_required(about, "why", where, name)),
        fix=tuple(_required(about, "fix", where, name)),
        probes=tuple(about.get("probes", ())),
        hints=tuple(_required(about, "hints", where, name)),
        pushback=about.get("pushback", ""),
        decoy=about.get("decoy", ""),
        evidence=about.get("evidence", ""),
        across=about.get("across", False),
    )


def _required(table: dict[str, Any], key: str, path: Path, site: str | None = None) -> Any:
    if not table.get(key):
        raise ScenarioError(f"{path}: {f'[site.{site}] ' if site else ''}`{key}` is missing")
    return table[key]


def _check_names(scenario: Scenario, told: dict[str, Any], folder: Path) -> None:
    names = [site.name for site in scenario.sites]
    if len(names) != len(set(names)):
        raise ScenarioError(f"{folder}: two sites have the same name")
    if unknown := sorted(set(told) - set(names)) + sorted(
        {n for pair in scenario.conflicts for n in pair} - set(names)
    ):
        raise ScenarioError(f"{folder / 'scenario.toml'}: no template has the site {unknown[0]!r}")
