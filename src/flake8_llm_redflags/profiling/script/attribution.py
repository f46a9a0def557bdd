"""From a profiler's trace to lines: forward operators by the range around them, backward ones by their sequence number,
kernels and waits by what launched them. Reads the trace format that ``torch.profiler`` exports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ...knowledge import table
from .instrument import parse_range

_BACKWARD = "autograd::engine::evaluate_function"

Line = tuple[str, int]


@dataclass(slots=True)
class Cost:
    """What one line took over all profiled steps, in milliseconds; what it called is in ``inclusive_ms`` only."""

    forward_ms: float = 0
    backward_ms: float = 0
    inclusive_ms: float = 0
    operators: int = 0
    kernels: int = 0
    #: Operators that make a GPU's host wait; on a CPU an upper bound.
    waits: int = 0
    #: Time the host stood still in synchronising calls.
    stall_ms: float = 0
    copied_bytes: int = 0
    #: Time a loop waited for its next item.
    fetch_ms: float = 0

    @property
    def own_ms(self) -> float:
        """Forward and backward time of this line's own operators."""
        return self.forward_ms + self.backward_ms


@dataclass(slots=True)
class Profile:
    """Costs by line, and how much of the time found its line. ``on_device`` tells GPU time from CPU operator time."""

    lines: dict[Line, Cost] = field(default_factory=dict)
    total_ms: float = 0
    attributed_ms: float = 0
    on_device: bool = False

    def line(self, where: Line) -> Cost:
        """Return the cost of a line, made on first use."""
        return self.lines.setdefault(where, Cost())


@dataclass(slots=True, eq=False)
class _Event:
    name: str
    start: float
    end: float
    sequence: int | None
    parent: _Event | None = None

    def around(self) -> Iterable[_Event]:
        """Yield the event and what encloses it, innermost first."""
        event: _Event | None = self
        while event is not None:
            yield event
            event = event.parent

    def chain(self) -> tuple[Line, ...]:
        """Return the lines whose ranges enclose the event, innermost first."""
        found = (parse_range(event.name) for event in self.around())
        return tuple(dict.fromkeys((path, line) for path, line, _ in filter(None, found)))

    @property
    def backward(self) -> _Event | None:
        """The autograd node that the event runs for."""
        return next((event for event in self.around() if event.name.startswith(_BACKWARD)), None)


def attribute(events: Iterable[dict[str, Any]]) -> Profile:
    """Return what each line cost, from the ``traceEvents`` of an exported trace."""
    complete = [event for event in events if event.get("ph") == "X"]
    threads = _threads(complete)
    everything = [event for thread in threads.values() for event in thread]
    forward = _forward_lines(everything)
    on_device = [event for event in complete if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    profile = Profile(on_device=bool(on_device))
    for event in everything:
        _count_operator(profile, event, forward)
    _count_device(profile, complete, on_device, threads, forward)
    return profile


def _threads(complete: list[dict[str, Any]]) -> dict[object, list[_Event]]:
    """Nest the host's events of each thread by their times."""
    grouped: dict[object, list[_Event]] = {}
    for event in complete:
        if event.get("cat") in ("cpu_op", "user_annotation"):
            start = float(event["ts"])
            sequence = event.get("args", {}).get("Sequence number")
            made = _Event(event["name"], start, start + float(event.get("dur", 0)), sequence)
            grouped.setdefault(event["tid"], []).append(made)
    for thread in grouped.values():
        thread.sort(key=lambda event: (event.start, -event.end))
        open_events: list[_Event] = []
        for event in thread:
            while open_events and open_events[-1].end <= event.start and open_events[-1].end < event.end:
                open_events.pop()
            event.parent = open_events[-1] if open_events else None
            open_events.append(event)
    return grouped


def _forward_lines(events: list[_Event]) -> dict[int, tuple[Line, ...]]:
    """Return the lines of the forward operator behind each sequence number: the last that saw it made the node."""
    found: dict[int, tuple[Line, ...]] = {}
    for event in sorted(events, key=lambda event: event.start):
        if event.sequence is not None and "Backward" not in event.name and event.backward is None:
            chain = event.chain()
            if chain:
                found[event.sequence] = chain
    return found


def _lines_of(event: _Event, forward: dict[int, tuple[Line, ...]]) -> tuple[tuple[Line, ...], bool]:
    """Return the lines that an event belongs to, innermost first, and whether it is backward work."""
    node = event.backward
    if node is not None and node.sequence in forward:
        return forward[node.sequence], True
    return event.chain(), node is not None


def _count_operator(profile: Profile, event: _Event, forward: dict[int, tuple[Line, ...]]) -> None:
    own = parse_range(event.name)
    milliseconds = (event.end - event.start) / 1e3
    if own is not None:
        if own[2] == "iter":
            profile.line(own[:2]).fetch_ms += milliseconds
        return
    if event.name.startswith((_BACKWARD, "ProfilerStep")):
        return
    chain, is_backward = _lines_of(event, forward)
    if chain and event.name.removeprefix("aten::") in table("torch_operators")["waits"]["names"]:
        profile.line(chain[0]).waits += 1
    if not _is_outermost(event):
        return
    if chain:
        profile.line(chain[0]).operators += 1
    if not profile.on_device:
        _spend(profile, chain, milliseconds, is_backward=is_backward)


def _is_outermost(event: _Event) -> bool:
    """Tell whether no other operator encloses this one: only ranges, autograd nodes and profiler steps do."""
    parents = (parent for parent in event.around() if parent is not event)
    for parent in parents:
        if parse_range(parent.name) is not None:
            return True
        if not parent.name.startswith((_BACKWARD, "ProfilerStep")):
            return False
    return True


def _spend(profile: Profile, chain: tuple[Line, ...], milliseconds: float, *, is_backward: bool) -> None:
    profile.total_ms += milliseconds
    if not chain:
        return
    profile.attributed_ms += milliseconds
    innermost = profile.line(chain[0])
    if is_backward:
        innermost.backward_ms += milliseconds
    else:
        innermost.forward_ms += milliseconds
    for line in chain:
        profile.line(line).inclusive_ms += milliseconds


def _count_device(
    profile: Profile,
    complete: list[dict[str, Any]],
    on_device: list[dict[str, Any]],
    threads: dict[object, list[_Event]],
    forward: dict[int, tuple[Line, ...]],
) -> None:
    launches = {}
    for event in complete:
        if event.get("cat") not in ("cuda_runtime", "cuda_driver"):
            continue
        launches[event.get("args", {}).get("correlation")] = event
        if "Synchronize" in event["name"]:
            host = _innermost(threads.get(event["tid"], []), float(event["ts"]))
            chain = _lines_of(host, forward)[0] if host else ()
            if chain:
                profile.line(chain[0]).stall_ms += float(event.get("dur", 0)) / 1e3
    for event in on_device:
        launch = launches.get(event.get("args", {}).get("correlation"))
        host = _innermost(threads.get(launch["tid"], []), float(launch["ts"])) if launch else None
        chain, is_backward = _lines_of(host, forward) if host else ((), False)
        _spend(profile, chain, float(event.get("dur", 0)) / 1e3, is_backward=is_backward)
        if chain:
            profile.line(chain[0]).kernels += event["cat"] == "kernel"
            profile.line(chain[0]).copied_bytes += int(event.get("args", {}).get("bytes", 0))


def _innermost(thread: list[_Event], moment: float) -> _Event | None:
    """Return the innermost event of a thread that is open at a moment."""
    from bisect import bisect_right

    index = bisect_right(thread, moment, key=lambda event: event.start) - 1
    event = thread[index] if index >= 0 else None
    while event is not None and event.end < moment:
        event = event.parent
    return event
