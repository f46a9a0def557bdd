"""The rules: one module each, found by looking, not by registration."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .rule import Rule

__all__ = ["Rule", "all_rules", "rule_for"]


@cache
def all_rules() -> tuple[type[Rule], ...]:
    """Return every rule class below this package, in the order of their codes."""
    found: dict[str, type[Rule]] = {}
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        if module.ispkg:
            continue
        for value in vars(importlib.import_module(module.name)).values():
            if (
                isinstance(value, type)
                and issubclass(value, Rule)
                and value.__module__ == module.name
                and value is not Rule
            ):
                if "code" not in vars(value):  # a shared base class
                    continue
                if found.setdefault(value.code, value) is not value:
                    raise ValueError(
                        f"{value.code} is defined twice: in {found[value.code].__module__} and {module.name}"
                    )
    return tuple(found[code] for code in sorted(found))


def rule_for(key: str) -> type[Rule] | None:
    """Return the rule with this code (``LRF501``, any case) or name (``unfused-attention``)."""
    return next((rule for rule in all_rules() if key.upper() == rule.code or key == rule.name), None)
