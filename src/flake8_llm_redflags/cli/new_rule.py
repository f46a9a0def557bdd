"""``redflags new-rule``: lay down what a rule consists of, for developers of this project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from .. import resources
from ..finding import Severity
from ..rules import all_rules, rule_for
from .problem import Problem

_RULES = Path(__file__).resolve().parents[1] / "rules"

_DETECTOR = '''\
"""{code}: what is wrong, in a few words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...code.syntax import cst
from ...finding import Finding, Severity
from ..rule import Rule, Trigger

if TYPE_CHECKING:
    from ...code import Code


class {class_name}(Rule):
    """What the code does, and what it costs: one sentence for the list of rules."""

    code = "{code}"
    name = "{name}"
    severity = Severity.{severity}
    trigger = Trigger(words=(("{word}",),))

    def check(self, code: Code) -> Iterator[Finding]:
        """Yield a finding for each …"""
        for call in code.calls("{word}"):
            if isinstance(call.func, cst.Attribute):
                yield self.finding(code, call, f"`{{code.short_text(call.func)}}` …: what it costs, what to do")
'''

_PAGE = """\
# {code} {name}

*{severity_word} · no edit*

## What it finds

…

## Why it matters

…

## Flagged

```python
x.{word}()
```

## Better

```python
…
```

## Not flagged

```python
…
```

## Measured

Unmeasured.

## In the interview

…

## References

- …
"""

_FIXTURE = '''\
"""Realistic code of your own: what is found, and the look-alikes that are not."""


def bad(x):
    return x.{word}()  # expect: {code}


def good(x):
    return x  # ok: {code}
'''


def new_rule(
    code: Annotated[str, typer.Argument(help="A free code, such as LRF345.")],
    name: Annotated[str, typer.Argument(help="The defect as a noun in kebab-case, such as fit-before-split.")],
    family: Annotated[
        str | None, typer.Option(help="The folder below rules/; that of the neighbouring codes if not given.")
    ] = None,
    severity: Annotated[Severity, typer.Option(help="error, warning or info.")] = Severity.WARNING,
) -> None:
    """For developers: lay down detector, page and fixture of a new rule in a checkout of this project."""
    code = code.upper()
    if not re.fullmatch(r"LRF[1-8]\d\d", code):
        raise Problem(f"{code}: codes are LRF101 to LRF899")
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", name):
        raise Problem(f"{name}: names are at least two words in kebab-case")
    if taken := rule_for(code) or rule_for(name):
        raise Problem(f"{taken.code} {taken.name} exists")
    folder = family or _family(code)
    if folder is None or not (_RULES / folder / "__init__.py").is_file():
        families = sorted(path.parent.name for path in _RULES.glob("*/__init__.py"))
        raise Problem(f"--family: choose one of {', '.join(families)}")
    if not (resources.folder("rules").parent / "pyproject.toml").is_file():
        raise Problem("new rules are laid down in a checkout of flake8-llm-redflags, not in an installed package")
    facts = {
        "code": code,
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("-")),
        "severity": severity.name,
        "severity_word": severity.value,
        "word": "do_it",
    }
    slug = f"{code}-{name}"
    for file, text in {
        _RULES / folder / f"{name.replace('-', '_')}.py": _DETECTOR,
        resources.folder("rules") / f"{slug}.md": _PAGE,
        resources.folder("fixtures") / slug / "example.py": _FIXTURE,
    }.items():
        _lay_down(file, text.format(**facts))


def _family(code: str) -> str | None:
    """Return the folder of the rule whose code is nearest within the same hundred."""
    neighbours = [rule for rule in all_rules() if rule.code[:4] == code[:4]]
    nearest = min(neighbours, key=lambda rule: abs(int(rule.code[3:]) - int(code[3:])), default=None)
    return None if nearest is None else nearest.__module__.split(".")[-2]


def _lay_down(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(exist_ok=True)
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise Problem(f"{file}: cannot be written: {error.strerror or error}") from error
    print(file)
