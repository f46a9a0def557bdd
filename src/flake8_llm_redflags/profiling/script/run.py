"""Running a script under the profiler as if it ran alone: its output, its exit status and its exceptions are its own."""

from __future__ import annotations

import importlib.util
import json
import sys
import tempfile
import traceback
import types
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from . import attribution, instrument

_OUR_FOLDER = Path(__file__).parent


@dataclass(slots=True)
class Run:
    """How a script ended, what was measured until then, and which of the user's files took part."""

    exit_code: int = 0
    steps: int = 0
    profile: attribution.Profile = field(default_factory=attribution.Profile)
    files: list[Path] = field(default_factory=list)
    interrupted: bool = False


class _Steps:
    """Profiles optimizer steps ``warm_up + 1`` to ``warm_up + steps``; the whole script where ``steps`` is 0."""

    def __init__(self, steps: int, warm_up: int) -> None:
        self._wanted, self._warm_up = steps, warm_up
        self._seen = 0
        self.profiled = 0
        self._profiler: Any = None
        self._events: list[dict[str, Any]] | None = None

    def start(self) -> None:
        activities = [torch.profiler.ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._profiler = torch.profiler.profile(activities=activities)
        self._profiler.start()
        instrument.switch(on=True)

    def after_step(self, *_: Any) -> None:
        """Called by torch behind every optimizer's step."""
        self._seen += 1
        if self._profiler is not None:
            self.profiled += 1
        if self._wanted and self.profiled == self._wanted:
            self.stop()
        elif self._wanted and self._profiler is None and self._events is None and self._seen >= self._warm_up:
            self.start()

    def stop(self) -> None:
        """End the profile and read its trace; a second call does nothing."""
        if self._profiler is None:
            return
        profiler, self._profiler = self._profiler, None
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        instrument.switch(on=False)
        profiler.stop()
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "trace.json")
            profiler.export_chrome_trace(str(file))
            self._events = json.loads(file.read_text(encoding="utf-8", errors="replace"))["traceEvents"]

    @property
    def profile(self) -> attribution.Profile:
        return attribution.attribute(self._events or ())


def run(script: Path, arguments: Sequence[str], steps: int = 5, warm_up: int = 3) -> Run:
    """Run the script as ``__main__`` with ranges around its statements and return what was measured.

    An exception is printed as Python prints it, and gives exit status 1, as it would without us.
    """
    script = script.resolve()
    done, watched = Run(files=[script]), _Steps(steps, warm_up)
    before = sys.argv, sys.path[:], sys.modules.get("__main__")
    main = types.ModuleType("__main__")
    main.__dict__.update(instrument.helpers(), __file__=str(script), __builtins__=__builtins__)
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    sys.modules["__main__"] = main
    hook = register_optimizer_step_post_hook(watched.after_step)
    try:
        with instrument.imports_instrumented(script.parent) as finder:
            try:
                text = importlib.util.decode_source(script.read_bytes())
                # Whoever wrote it is told of an error in its own terms.
                compile(text, str(script), "exec", dont_inherit=True)
                code = instrument.instrumented(text, str(script))
                if steps == 0:
                    watched.start()
                exec(code, main.__dict__)
            except SystemExit as ended:
                done.exit_code = _status(ended)
            except KeyboardInterrupt:
                done.exit_code, done.interrupted = 130, True
            except BaseException as error:
                _print_own(error)
                done.exit_code = 1
            finally:
                watched.stop()
            done.files += finder.files
    finally:
        hook.remove()
        sys.argv, sys.path[:] = before[0], before[1]
        if before[2] is not None:
            sys.modules["__main__"] = before[2]
    done.steps, done.profile = watched.profiled, watched.profile
    return done


def _status(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    print(ended.code, file=sys.stderr)
    return 1


def _print_own(error: BaseException) -> None:
    """Print a traceback as the script would alone: without the frames of what runs and instruments it."""
    told = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = told
    while part is not None:
        kept = [frame for frame in part.stack or () if Path(frame.filename).parent != _OUR_FOLDER]
        part.stack = traceback.StackSummary.from_list(kept) if kept else None  # type: ignore[assignment]
        part = part.__cause__ or part.__context__
    print("".join(told.format()), end="", file=sys.stderr)
