"""Runs the code of a scenario with one site changed, to show what the defect does."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from functools import cache

from flake8_llm_redflags import resources
from flake8_llm_redflags.practice.rendering import render
from flake8_llm_redflags.practice.scenario import Scenario, load


@cache
def scenario(name: str) -> Scenario:
    return load(resources.folder("fixtures") / "scenarios" / name)


def text(name: str, file: str, **sites: int) -> str:
    """Return a file of a scenario, with the given variants of its sites (0, the good one, where not given)."""
    found = scenario(name)
    assert set(sites) <= {site.name for site in found.sites}
    return render(found, [sites.get(site.name, 0) for site in found.sites]).files[file]


def module(name: str, file: str, **sites: int) -> types.ModuleType:
    """Return a file of a scenario as a module, with the given variants of its sites."""
    made = types.ModuleType(f"scenario_{name.replace('-', '_')}_{file.removesuffix('.py')}")
    sys.modules[made.__name__] = made  # dataclasses look their module up
    exec(compile(text(name, file, **sites), file, "exec"), made.__dict__)
    return made


def bad_variants(name: str, site: str) -> list[int]:
    """Return the numbers of the bad variants of a site."""
    found = next(candidate for candidate in scenario(name).sites if candidate.name == site)
    return [number for number, variant in enumerate(found.variants) if variant.kind == "bad"]


def right_variants(name: str, site: str) -> list[int]:
    """Return the numbers of the good variant and the decoys of a site: all of them must behave."""
    found = next(candidate for candidate in scenario(name).sites if candidate.name == site)
    return [number for number, variant in enumerate(found.variants) if variant.kind != "bad"]


def holds(name: str, site: str, check: Callable[[int], bool]) -> None:
    """Assert that a property holds for every right variant of a site of a scenario and for no bad one."""
    assert {number: check(number) for number in right_variants(name, site)} == dict.fromkeys(
        right_variants(name, site), True
    )
    assert {number: check(number) for number in bad_variants(name, site)} == dict.fromkeys(
        bad_variants(name, site), False
    )
