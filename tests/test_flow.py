"""The abstract run: names, branches, loops, calls, and what becomes of rows on the way."""

from __future__ import annotations

import ast
import os
import random
import subprocess
import sys

import pytest

from flake8_llm_redflags.code import Code
from flake8_llm_redflags.knowledge import table
from flake8_llm_redflags.rules.data.triggers import STATISTICS

from .support import FIXTURES, work

HEAD = """\
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.preprocessing import StandardScaler
df = pd.read_csv("table.csv")
X, y = df.drop(columns="y"), df["y"]
"""
STEPS = """\
class Steps:
    def __init__(self, t):
        self.t = t
    def run(self):
        self.t = StandardScaler().fit_transform(self.t)
"""
TAIL = """
a, b, c, d = train_test_split(X, y)
print(LogisticRegression().fit(a, c).score(b, d))
"""


def leaks(body: str) -> list[int]:
    """Return the lines of the statistics that leak in ``body``, counted from 1."""
    text = HEAD + body + TAIL
    code = Code(text, ast.parse(text))
    return sorted(code.line(leak.statistic.node) - HEAD.count("\n") for leak in code.flow.data.leaks)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("X = StandardScaler().fit_transform(X)", [1]),
        ("Z = StandardScaler().fit_transform(X)", []),
        ("Z = StandardScaler().fit_transform(X)\nX = Z", [1]),
        ("Z = StandardScaler().fit_transform(X)\nZ = X\nX = Z", []),
        ("X = StandardScaler().fit_transform(X)\nX = df[['a', 'b']]", []),
        ("both = (StandardScaler().fit_transform(X), y)\nX, _ = both", [1]),
        ("box = {'x': StandardScaler().fit_transform(X)}\nX = box['x']", [1]),
        ("box = [X]\nbox.append(X.fillna(X.mean()))\nX = box[1]", [2]),
        ("box = [X]\nbox.append(X.fillna(X.mean()))\nX = box[0]", []),
    ],
    ids=["kept", "not used", "renamed", "overwritten", "killed", "tuple", "dict", "list", "other element"],
)
def test_values_are_followed_and_killed(body: str, lines: list[int]) -> None:
    assert leaks(body) == lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("if len(df) > 9:\n    X = StandardScaler().fit_transform(X)", [2]),
        ("if len(df) > 9:\n    X = StandardScaler().fit_transform(X)\nelse:\n    X = X.fillna(X.mean())", [2, 4]),
        ("Z = StandardScaler().fit_transform(X)\nif len(df) > 9:\n    Z = X\nelse:\n    Z = y\nX = Z", []),
        ("for name in ['p', 'q']:\n    X[name] = X[name].fillna(X[name].mean())", [2]),
        ("last = X\nfor name in ['p', 'q']:\n    kept = last\n    last = X.fillna(X.mean())\nX = kept", [4]),
        ("for frame in (X, y):\n    frame['p'] = frame['p'] / frame['p'].max()", [2]),
        ("try:\n    X = StandardScaler().fit_transform(X)\nexcept ValueError:\n    pass", [2]),
        ("with open('log') as log:\n    X = StandardScaler().fit_transform(X)", [2]),
        ("while len(X) > 9:\n    X = StandardScaler().fit_transform(X)\n    break", [2]),
    ],
    ids=["one arm", "both arms", "killed in both", "loop", "carried", "each of a tuple", "try", "with", "while"],
)
def test_branches_join_and_loops_carry(body: str, lines: list[int]) -> None:
    assert leaks(body) == lines


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("def scale(t):\n    return StandardScaler().fit_transform(t)\nX = scale(X)", [2]),
        ("def fill(t):\n    t['p'] = t['p'].fillna(t['p'].mean())\nfill(X)", [2]),
        ("def fill(t):\n    t = t.copy()\n    t['p'] = t['p'].fillna(t['p'].mean())\nfill(X)", []),
        ("def load(n):\n    return pd.read_csv(n)\nold, X = load('a'), load('b')\nX = X.fillna(old['p'].mean())", []),
        (STEPS + "steps = Steps(X)\nsteps.run()\nX = steps.t", [5]),
        ("X = X.apply(lambda column: column.fillna(column.median()))", [1]),
        ("X['p'] = X['p'].apply(lambda words: max(words))", []),
        ("def loop(t):\n    return loop(t)\nX = loop(X)", []),
    ],
    ids=["result", "in place", "copy", "each call apart", "object", "by column", "by element", "recursion"],
)
def test_calls_are_followed(body: str, lines: list[int]) -> None:
    assert leaks(body) == lines


DIVISIONS = {
    "head and tail": "tr, te = df[:800], df[800:]",
    "head and tail by name": "tr, te = df.head(800), df.tail(200)",
    "sample and its rest": "tr = df.sample(frac=0.8)\nte = df.drop(tr.index)",
    "rest by its numbers": "tr = df.sample(frac=0.8)\nte = df[~df.index.isin(tr.index)]",
    "difference of numbers": "tr = df.sample(n=800)\nte = df.loc[df.index.difference(tr.index)]",
    "numbers drawn": "picked = np.random.choice(df.index, 200, replace=False)\ntr, te = df.drop(picked), df.loc[picked]",
    "set of numbers": "n = range(len(df))\np = random.sample(n, 200)\ntr, te = df.iloc[list(set(n) - set(p))], df.iloc[p]",
    "random mask": "mask = np.random.rand(len(df)) < 0.8\ntr, te = df[mask], df[~mask]",
    "random mask of a generator": "mask = rng.random(len(df)) < 0.8\ntr, te = df[mask], df[~mask]",
    "random column": "df['r'] = np.random.uniform(size=len(df)) < 0.8\ntr, te = df[df['r'] == True], df[df['r'] == False]",
    "permutation": "order = np.random.permutation(len(df))\ntr, te = df.iloc[order[:800]], df.iloc[order[800:]]",
    "shuffled numbers": "o = np.arange(len(df))\nnp.random.shuffle(o)\ntr, te = df.iloc[o[:800]], df.iloc[o[800:]]",
    "time": "tr, te = df[df['year'] < 2020], df[df['year'] >= 2020]",
    "time as index": "tr, te = df[df.index < '2020'], df[df.index >= '2020']",
    "query": "tr, te = df.query('year < 2020'), df.query('year >= 2020')",
    "pieces": "tr, held, te = np.split(df.sample(frac=1), [600, 800])",
    "one shuffle": "for a, b in ShuffleSplit(n_splits=1).split(df):\n    tr, te = df.iloc[a], df.iloc[b]",
    "the first fold": "a, b = next(KFold(5).split(df))\ntr, te = df.iloc[a], df.iloc[b]",
}
PARTS_SCORED = "print(LogisticRegression().fit(tr[['p']], tr['y']).score(te[['p']], te['y']))"
PREPARED = "df['p'] = df['p'].fillna(df['p'].median())"


@pytest.mark.parametrize("division", DIVISIONS.values(), ids=DIVISIONS)
def test_divisions_by_hand_are_seen(division: str) -> None:
    head = HEAD + "import random\nfrom sklearn.model_selection import ShuffleSplit\nrng = np.random.default_rng(1)\n"

    def kinds(*body: str) -> list[str]:
        text = head + "\n".join(body) + "\n"
        return [leak.kind for leak in Code(text, ast.parse(text)).flow.data.leaks]

    assert kinds(PREPARED, division, PARTS_SCORED) == ["split"]
    assert kinds(division, PREPARED.replace("df", "tr"), PARTS_SCORED) == []
    assert kinds(PREPARED, "te = df", division, "print(tr.describe(), te.shape)") == []


def test_findings_are_the_same_in_every_run() -> None:
    """Sets of statistics and columns come in an order that depends on the hash seed; what is reported must not."""
    folders = [str(folder) for folder in sorted(FIXTURES.glob("LRF3*"))]

    def findings(seed: str) -> str:
        command = [sys.executable, "-m", "flake8", "--isolated", "-j1", "--select", "LRF3", *folders]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed})
        assert done.returncode == 1, done.stderr
        return done.stdout

    first, *others = (findings(seed) for seed in ("1", "2", "3"))
    assert all(other == first for other in others)


def test_files_with_a_statistic_are_read() -> None:
    facts = [*table("data")["pandas"]["reductions"], *table("data")["numpy"]["reductions"]]
    facts += [*table("data")["pandas"]["row_wise_statistics"], *table("data")["pandas"]["binning_by_rows"]]
    # What says how columns go together picks them; sums and histograms are taken for no statistic.
    others = {"bincount", "corr", "corrcoef", "corrwith", "cov", "digitize", "histogram", "sum"}
    assert set(facts) - others <= set(STATISTICS)


def test_columns_are_told_apart() -> None:
    body = "X['p'] = pd.qcut(X['p'], 4)\nX['q'] = X['q'].rank()\nX = X[['p', 'r']]"
    assert leaks(body) == [1]


def test_a_property_that_reads_itself_ends() -> None:
    text = "class Loop:\n    @property\n    def size(self):\n        return self.size + 1\n\nprint(Loop().size)\n"
    assert Code(text, ast.parse(text)).flow.data.leaks == []


def notebook(cells: int) -> str:
    """Return a notebook of many cells that all work on one table: as bad as it gets for an analysis of values."""
    kinds = [
        "df['c{i}'] = df['c{i}'].fillna(df['c{i}'].mean())",
        "for c in ['p', 'q']:\n    df[c] = df.groupby('g')[c].rank()\n    if {i}:\n        df['z{i}'] = df[c]",
        "df = helper(df, 'c{i}')",
        "X{i} = StandardScaler().fit_transform(df)\nprint(cross_val_score(LogisticRegression(), X{i}, df['y']))",
        "a, b, c, d = train_test_split(df, df['y'])\nm{i} = LogisticRegression().fit(a, c)\nprint(m{i}.score(b, d))",
        "df = df[df['c{i}'] > {i}]",
        "for tr, te in KFold(5).split(df):\n    print(LogisticRegression().fit(df.iloc[tr], df['y'].iloc[tr]))",
        "both{i} = pd.concat([df, df[df['y'] == 1]])",
    ]
    helper = (
        "def helper(t, c):\n    t = t.copy()\n    for n in t.columns:\n        t[n] = t[n] - t[n].min()\n    return t\n"
    )
    choose = random.Random(1).choice
    return HEAD + helper + "\n".join(f"# %%\n{choose(kinds).replace('{i}', str(i))}" for i in range(cells)) + "\n"


def test_a_long_notebook_takes_linear_time() -> None:
    def calls(cells: int) -> int:
        text = notebook(cells)
        code = Code(text, ast.parse(text))
        code.names  # noqa: B018  not part of what is measured
        return work(lambda: code.flow.data.leaks)

    assert calls(2000) <= 4 * calls(500) * 1.3
