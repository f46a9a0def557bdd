"""Linting many files: in this process, or in several where there are enough of them to pay."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import Config
from ..finding import Finding
from ..fixes import fix
from ..linter import NOT_ANALYSED, lint, not_analysed
from ..source import Source, Unreadable, decode

#: Fewer files than this are done sooner than a pool of processes is up.
_WORTH_A_POOL = 40
#: Files that a process takes at a time.
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file: its findings after fixing, its text before and after where that differs."""

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
            return self.unreadable(path, error.strerror or str(error))
        return self.on(data, path)

    def on(self, data: bytes, path: str) -> Outcome:
        """Do the same with the bytes of a file."""
        try:
            source = decode(data, path)
        except Unreadable as error:
            return self.unreadable(path, str(error).removeprefix(f"{path}: "))
        if not self.fix:
            return Outcome(path, tuple(lint(source, self.config)))
        fixed = fix(source, self.config, unsafe=self.unsafe)
        if fixed.source.text == source.text:
            return Outcome(path, fixed.remaining)
        return Outcome(path, fixed.remaining, source.text, replace(fixed.source, root=None), len(fixed.applied))

    def unreadable(self, path: str, reason: str) -> Outcome:
        """Return the outcome of a file that cannot be read."""
        if not self.config.enables(NOT_ANALYSED):
            return Outcome(path, ())
        return Outcome(path, (not_analysed(path, f"cannot be read: {reason}"),))


_Batches = Sequence[Sequence[str]]
_Started = tuple[ProcessPoolExecutor, list[Future[list[Outcome]]]]


def run(paths: Sequence[str], task: Task, jobs: int) -> Iterator[Outcome]:
    """Return the outcomes of the files, one by one, in the order of ``paths``.

    Processes are started before this returns, so that a caller may start threads (a progress bar) afterwards.
    """
    if jobs <= 1 or len(paths) < _WORTH_A_POOL:
        return map(task, paths)
    batches = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
    return _collect(task, batches, jobs, _start(task, batches, jobs))


def _start(task: Task, batches: _Batches, jobs: int) -> _Started:
    pool = ProcessPoolExecutor(min(jobs, len(batches)), initializer=_ignore_interrupts)
    return pool, [pool.submit(_several, task, batch) for batch in batches]


def _collect(task: Task, batches: _Batches, jobs: int, started: _Started) -> Iterator[Outcome]:
    pool, futures = started
    try:
        for number, future in enumerate(futures):
            try:
                outcomes = future.result()
            except BrokenProcessPool:  # some file ended its process, and with it the pool
                yield from (_alone(task, path) for path in batches[number])
                if rest := batches[number + 1 :]:
                    yield from _collect(task, rest, jobs, _start(task, rest, jobs))
                return
            yield from outcomes
    except (KeyboardInterrupt, GeneratorExit):  # nobody waits for the rest
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _several(task: Task, paths: Sequence[str]) -> list[Outcome]:
    return [task(path) for path in paths]


def _alone(task: Task, path: str) -> Outcome:
    """Return the outcome of a file that gets a process of its own."""
    with ProcessPoolExecutor(1, initializer=_ignore_interrupts) as pool:
        try:
            return pool.submit(task, path).result()
        except BrokenProcessPool:
            return Outcome(path, (not_analysed(path, "ended the process that read it; please report it"),))


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the main process, which sends no more work then."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def default_jobs() -> int:
    """Return how many processes this machine can keep busy."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
