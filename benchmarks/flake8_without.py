"""``python flake8_without.py PACKAGE ARGUMENT…``: run flake8 as if one of its plugins were not there."""

from __future__ import annotations

import sys

from flake8.main.cli import main
from flake8.plugins import finder


def hide(package: str) -> None:
    """Let flake8 find every plugin but those of ``package``."""
    find = finder._find_importlib_plugins
    finder._find_importlib_plugins = lambda: (plugin for plugin in find() if plugin.package != package)


if __name__ == "__main__":
    hide(sys.argv.pop(1))
    raise SystemExit(main())
