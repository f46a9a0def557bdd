"""The one road: source → triage → guard → code → rules → findings. Everything that needs findings calls ``lint``."""

from __future__ import annotations

import ast
import gc
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from .config import Config
from .finding import Finding, Severity
from .rules import Rule, all_rules
from .rules.trigger import Text
from .source import Source, is_test
from .source.noqa import Suppressions

if TYPE_CHECKING:
    from .code import Code

NOT_ANALYSED = "LRF900"
INTERNAL_ERROR = "LRF999"

_REMEDY = "split the expression into steps"


def lint(source: Source, config: Config, rules: Sequence[type[Rule]] | None = None) -> list[Finding]:
    """Return the findings of one file, sorted by place. Never raises for any input.

    A file that cannot be analysed gives one LRF900 finding, a rule that raises one LRF999 finding; the other rules go
    on. ``rules`` defaults to all of them; ``config`` decides which of those run.
    """
    candidates = all_rules() if rules is None else tuple(rules)
    with _undisturbed():
        found = sorted(dict.fromkeys(_findings(source, config, candidates)), key=lambda finding: finding.place)
    if config.noqa and found:
        suppressions = Suppressions(source.text)
        found = [finding for finding in found if not suppressions.silences(finding.code, finding.line)]
    return found


def triage(source: Source, rules: Sequence[type[Rule]]) -> list[type[Rule]]:
    """Return the rules that may fire on a file, by one look at its path and its bare text."""
    seen, in_test = Text(source.text), is_test(source.path)
    return [rule for rule in rules if (rule.reads_tests or not in_test) and rule.trigger.fits(seen)]


def not_analysed(path: str, reason: str, line: int = 1, column: int = 1) -> Finding:
    """Return the LRF900 finding for a file that cannot be read, parsed or safely analysed."""
    return Finding(NOT_ANALYSED, "not-analysed", Severity.ERROR, reason, path, line, column, line, column)


@lru_cache
def _enabled(config: Config, rules: tuple[type[Rule], ...]) -> list[type[Rule]]:
    """Return the rules that run: asked for every file, and the same for all of a run."""
    return [rule for rule in rules if config.enables(rule.code, preview=rule.preview)]


def _findings(source: Source, config: Config, candidates: tuple[type[Rule], ...]) -> Iterator[Finding]:
    try:
        root = source.root or ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if config.enables(NOT_ANALYSED):
            yield _unparsed(source.path, error)
        return
    rules = triage(source, _enabled(config, candidates))
    if not rules:
        return
    from .code.nesting import too_deep
    from .code.program import Code

    deep_line = too_deep(root, source.text)
    if deep_line is not None:
        if config.enables(NOT_ANALYSED):
            yield not_analysed(source.path, f"nested too deeply to be read safely: {_REMEDY}", deep_line)
        return
    code = Code(source.text, root, source.path)
    try:
        code.tree  # noqa: B018  parses
    except Exception as error:  # libcst's own errors, and whatever its native part raises
        if config.enables(NOT_ANALYSED):
            yield not_analysed(source.path, f"libcst cannot read this file: {_one_line(error)}")
        return
    try:
        yield from _checked(code, config, rules)
    finally:
        code.forget()


def _checked(code: Code, config: Config, rules: Sequence[type[Rule]]) -> Iterator[Finding]:
    for rule in rules:
        try:
            yield from list(rule(config).check(code))
        except RecursionError:  # within the guard's bounds, but a rule went down and came back up many times
            if config.enables(NOT_ANALYSED):
                yield not_analysed(code.path, f"nested too deeply for some rules: {_REMEDY}")
        except Exception as error:
            if config.enables(INTERNAL_ERROR):
                yield _internal_error(rule, code.path, error)


def _unparsed(path: str, error: BaseException) -> Finding:
    if isinstance(error, SyntaxError):
        reason = f"does not parse: {error.msg}"
        return not_analysed(path, reason, max(error.lineno or 1, 1), max(error.offset or 1, 1))
    if isinstance(error, (RecursionError, MemoryError)):
        return not_analysed(path, f"nested too deeply for Python's own parser: {_REMEDY}")
    return not_analysed(path, f"does not parse: {_one_line(error)}")


def _internal_error(rule: type[Rule], path: str, error: Exception) -> Finding:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    where = f" ({traceback.tb_frame.f_code.co_name}, line {traceback.tb_lineno})" if traceback is not None else ""
    what = f"{error.__class__.__name__}: {_one_line(error)}{where}"
    message = f"{rule.code} {rule.name} failed here: {what}; please report it"
    return Finding(INTERNAL_ERROR, "internal-error", Severity.ERROR, message, path, 1, 1, 1, 1)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector off for a whole file, as it would scan the growing trees again and again, and
    warnings about the code that is read (invalid escapes), which are somebody else's finding."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if enabled:
            gc.enable()
