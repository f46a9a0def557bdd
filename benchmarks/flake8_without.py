"""Run flake8 without this plugin, in the environment that has it: the same process, one entry point less."""

from __future__ import annotations

from flake8.main.cli import main
from flake8.plugins import finder

_find = finder._find_importlib_plugins


def _all_but_ours():
    return (plugin for plugin in _find() if plugin.package != "flake8-llm-redflags")


if __name__ == "__main__":
    finder._find_importlib_plugins = _all_but_ours
    raise SystemExit(main())
