"""Rules that only tests have, in the processes that tests start: a preview rule, and one that raises."""

from __future__ import annotations

import os
from pathlib import Path

PREVIEW = "LRF997"
RAISES = "LRF996"

_RULES = '''
from flake8_llm_redflags.finding import Severity
from flake8_llm_redflags.rules.rule import Rule, Trigger


class Previewed(Rule):
    """Reports calls of ``previewed``."""

    code, name, severity, preview = "LRF997", "previewed-call", Severity.INFO, True
    trigger = Trigger(words=(("previewed",),))

    def check(self, code):
        for call in code.calls("previewed"):
            yield self.finding(code, call, "a call")


class Raising(Rule):
    """Raises where it reads ``raising``."""

    code, name, severity = "LRF996", "raising-rule", Severity.INFO
    trigger = Trigger(words=(("raising",),))

    def check(self, code):
        for call in code.calls("raising"):
            raise KeyError("oh")
        yield from ()
'''

_CUSTOMISE = """
from flake8_llm_redflags import rules

rules.__path__.append({folder!r})
"""


def environment(folder: Path) -> dict[str, str]:
    """Lay the rules down in a folder, and return the environment in which a process has them."""
    (folder / "extra").mkdir(parents=True)
    (folder / "extra" / "extra_rules.py").write_text(_RULES, encoding="utf-8")
    (folder / "sitecustomize.py").write_text(_CUSTOMISE.format(folder=str(folder / "extra")), encoding="utf-8")
    return {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "120", "NO_COLOR": "1"}
