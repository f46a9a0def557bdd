"""Linting many files: in this process, or in several where there are enough of them to pay."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import Config
from ..finding import Finding
from ..fixes import fix
from ..linter import lint, not_analysed
from ..source import Source, Unreadable, decode

#: Fewer files than this are done sooner than a pool of processes is up.
_WORTH_A_POOL = 40


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file: its findings after fixing, its new text where that differs, and what was mended."""

    path: str
    findings: tuple[Finding, ...]
    before: str | None = None
    after: Source | None = None
    mended: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """What is done with each file."""

    config: Config
    fix: bool = False
    unsafe: bool = False

    def __call__(self, path: str) -> Outcome:
        """Lint, and fix in memory, one file."""
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            return Outcome(path, (not_analysed(path, f"cannot be read: {error.strerror or error}"),))
        return self.on(data, path)

    def on(self, data: bytes, path: str) -> Outcome:
        """Do the same with the bytes of a file."""
        try:
            source = decode(data, path)
        except Unreadable as error:
            return Outcome(path, (not_analysed(path, str(error).removeprefix(f"{path}: ")),))
        if not self.fix:
            return Outcome(path, tuple(lint(source, self.config)))
        fixed = fix(source, self.config, unsafe=self.unsafe)
        changed = replace(fixed.source, path=path) if fixed.source.text != source.text else None
        return Outcome(path, fixed.remaining, source.text, changed, len(fixed.applied))


def run(paths: Sequence[str], task: Task, jobs: int, advance: Callable[[], None]) -> Iterator[Outcome]:
    """Yield the outcome of each file, in the order of ``paths``; ``advance`` is called as each is done."""
    if jobs <= 1 or len(paths) < _WORTH_A_POOL:
        for path in paths:
            yield task(path)
            advance()
        return
    with ProcessPoolExecutor(max_workers=min(jobs, len(paths))) as pool:
        futures = [pool.submit(_many, task, paths[start : start + 8]) for start in range(0, len(paths), 8)]
        for number, future in enumerate(futures):
            for outcome in _outcomes(future, task, paths[number * 8 : number * 8 + 8]):
                yield outcome
                advance()


def _many(task: Task, paths: Sequence[str]) -> list[Outcome]:
    return [task(path) for path in paths]


def _outcomes(future: Future[list[Outcome]], task: Task, paths: Sequence[str]) -> Iterator[Outcome]:
    """Yield the outcomes of one batch; where its process died, each file gets a process of its own."""
    try:
        yield from future.result()
    except BrokenProcessPool:
        for path in paths:
            with ProcessPoolExecutor(max_workers=1) as pool:
                try:
                    yield pool.submit(task, path).result()
                except BrokenProcessPool:
                    yield Outcome(path, (not_analysed(path, "ended the process that read it; please report it"),))


def default_jobs() -> int:
    """Return how many processes this machine can keep busy."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
