"""Lint every file of a folder, in a thread, and print one JSON line for each: run by the tests on a small stack."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

from flake8_llm_redflags.config import Config
from flake8_llm_redflags.linter import lint
from flake8_llm_redflags.source import Unreadable, read


def survive(folder: Path) -> None:
    """Lint the files in order; a line is printed before each file too, so that a crash shows its cause."""
    for path in sorted(folder.glob("*.py")):
        print(json.dumps({"name": path.stem}), flush=True)
        started = time.process_time()
        try:
            found = lint(read(path), Config(preview=True))
        except Unreadable as error:
            print(json.dumps({"name": path.stem, "unreadable": str(error)}), flush=True)
            continue
        answer = {
            "name": path.stem,
            "seconds": time.process_time() - started,
            "codes": sorted({finding.code for finding in found}),
            "own": [finding.message for finding in found if finding.code.startswith("LRF9")],
        }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    threading.stack_size(1024 * 1024)
    thread = threading.Thread(target=survive, args=(Path(sys.argv[1]),))
    thread.start()
    thread.join()
