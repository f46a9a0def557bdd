"""``make corpus``: lint the standard library and all of site-packages; no rule may fail, and every edit must still parse.

Any further paths are given as arguments. Exit status 1 where a rule failed or an edit broke a file.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from flake8_llm_redflags.config import Config
from flake8_llm_redflags.fixes import fix
from flake8_llm_redflags.linter import INTERNAL_ERROR, lint
from flake8_llm_redflags.source import Unreadable, read

EVERYTHING = Config(preview=True, noqa=False)


def corpus(extra: list[str]) -> Iterator[Path]:
    """Yield the Python files of the standard library, of site-packages and of further paths."""
    roots = dict.fromkeys([*map(sysconfig.get_path, ("stdlib", "purelib", "platlib")), *extra])
    seen: set[Path] = set()
    for root in roots:
        for path in sorted(Path(root).rglob("*.py")):
            if (real := path.resolve()) not in seen:
                seen.add(real)
                yield path


def main() -> int:
    """Lint and fix everything in memory; print what went wrong, then the counts."""
    warnings.simplefilter("ignore")
    files = edits = 0
    problems: list[str] = []
    counts: Counter[str] = Counter()
    for path in corpus(sys.argv[1:]):
        try:
            source = read(path)
        except Unreadable:
            continue
        files += 1
        found = lint(source, EVERYTHING)
        counts.update(finding.code for finding in found)
        problems += [f"{path}: {finding.message}" for finding in found if finding.code == INTERNAL_ERROR]
        if any(finding.edit is not None for finding in found):
            fixed = fix(source, EVERYTHING, unsafe=True)
            edits += len(fixed.applied)
            try:
                ast.parse(fixed.source.text)
            except SyntaxError as error:
                problems.append(f"{path}: the mended text does not parse: {error}")
    print(*problems, sep="\n")
    print(f"{files:,} files, {sum(counts.values()):,} findings, {edits:,} edits applied, {len(problems)} problems")
    print(", ".join(f"{code} {count:,}" for code, count in counts.most_common()))
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
