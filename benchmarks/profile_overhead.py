"""What ``redflags profile run`` adds to a script's own time: ``python -m benchmarks.profile_overhead``.

A small GPT's training steps, timed by the script itself, alone and under the profiler in turn: CPU time on one thread, so that
a busy machine slows neither. The budget is 15 %.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BUDGET = 0.15
_ROUNDS = 5
_WARM_UP, _STEPS = 5, 20

#: One thread, and no memory given back to the system: page faults of the CPU's allocator would hide what is measured.
_STEADY = {"OMP_NUM_THREADS": "1", "MALLOC_TRIM_THRESHOLD_": "8000000000", "MALLOC_MMAP_THRESHOLD_": "1000000000"}
_GPT = Path(__file__).resolve().parents[1] / "tests" / "profiling" / "tiny_gpt"
_SCRIPT = """
import json, sys, time
import torch
from model import GPT

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"
model = GPT(width=128, layers=4).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
ids = torch.randint(96, (8, 129), device=device)
times = []
for step in range({steps}):
    start = time.process_time()
    _, loss = model(ids[:, :-1], ids[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    float(loss)
    times.append(time.process_time() - start)
print(json.dumps(times))
"""


def main() -> int:
    """Print the overhead of a profiled step; return 1 where it is over the budget."""
    ratios: list[float] = []
    steps: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "steps.py")
        script.write_text(_SCRIPT.format(steps=_WARM_UP + _STEPS + 2), encoding="utf-8")
        Path(folder, "model.py").write_text((_GPT / "model.py").read_text(encoding="utf-8"), encoding="utf-8")
        command = ["-m", "flake8_llm_redflags", "profile", "run", f"--warmup={_WARM_UP}", f"--steps={_STEPS}"]
        for _ in range(_ROUNDS):
            steps.append(_step(str(script)))
            ratios.append(_step(*command, str(script)) / steps[-1])
    overhead = statistics.median(ratios) - 1
    spread = f"{min(ratios) - 1:+.1%} to {max(ratios) - 1:+.1%} in {_ROUNDS} pairs"
    print(
        f"step of {statistics.median(steps) * 1e3:.1f} ms: {overhead:+.1%} under the profiler ({spread}; budget {BUDGET:.0%})"
    )
    return overhead > BUDGET


def _step(*arguments: str) -> float:
    """Return the least disturbed of the steps that are profiled, when a script is run like this."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=os.environ | _STEADY
    )
    times = json.loads(done.stdout.splitlines()[-1])
    return min(times[_WARM_UP + 3 : _WARM_UP + _STEPS])


if __name__ == "__main__":
    sys.exit(main())
