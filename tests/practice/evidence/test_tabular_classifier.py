"""Each defect of the tabular scenario that shows without scikit-learn changes a feature, a split or a number.

scikit-learn and SciPy are not installed for tests: stand-ins record what they are given.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from . import support

NAME = "tabular-classifier"
holds = partial(support.holds, NAME)


def features(**sites: int) -> Any:
    return support.module(NAME, "features.py", **sites)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """One stand-in for everything that training imports and that is not installed."""
    made = MagicMock()
    names = ("scipy", "scipy.sparse", "sklearn", "sklearn.feature_extraction", "sklearn.feature_extraction.text")
    for name in (*names, "sklearn.linear_model", "sklearn.preprocessing"):
        monkeypatch.setitem(sys.modules, name, made)
    monkeypatch.setitem(sys.modules, "features", features())
    return made


def training(**sites: int) -> Any:
    return support.module(NAME, "train.py", **sites)


def ticket(number: int = 0, **given: Any) -> dict[str, Any]:
    plain = {"customer": "c", "plan": "basic", "seats": 3, "text": "help", "replies": 0, "escalated": False}
    opened = datetime(2024, 1, 1) + timedelta(hours=number)
    return plain | {"opened": opened, "closed": opened + timedelta(minutes=30)} | given


def test_bucket() -> None:
    def is_the_same_in_every_process(variant: int) -> bool:
        text = support.text(NAME, "features.py", bucket=variant) + "\nprint([plan_bucket(str(n)) for n in range(20)])"
        runs = {
            subprocess.run(
                [sys.executable, "-c", text], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
            ).stdout
            for seed in ("1", "2")
        }
        return len(runs) == 1

    holds("bucket", is_the_same_in_every_process)


def test_seats() -> None:
    def keeps_zero(variant: int) -> bool:
        made = features(seats=variant)
        return [made.seats({"seats": value}) for value in (None, 0, 5)] == [made.MEDIAN_SEATS, 0, 5]

    holds("seats", keeps_zero)


def test_history() -> None:
    def knows_the_past_only(variant: int) -> bool:
        made = features(history=variant)
        outcomes = [True, False, True]
        found = made.escalation_rates([ticket(n, escalated=outcome) for n, outcome in enumerate(outcomes)])
        still_open = made.escalation_rates([ticket(0, escalated=True, closed=None), ticket(1)])
        return found == pytest.approx([0, 1, 0.5]) and still_open == [0, 0]

    holds("history", knows_the_past_only)


def test_known() -> None:
    def is_the_same_at_opening(variant: int) -> bool:
        made = features(known=variant)
        return np.array_equal(made.numbers([ticket(replies=0)]), made.numbers([ticket(replies=9)]))

    holds("known", is_the_same_at_opening)


def test_order(library: MagicMock) -> None:
    def goes_forward(variant: int) -> bool:
        parts = training(order=variant).split([ticket(number) for number in range(50)])
        assert [len(part) for part in parts] == [30, 10, 10]
        opened = [row["opened"] for part in parts for row in part]
        return opened == sorted(opened)

    holds("order", goes_forward)


def test_column(library: MagicMock) -> None:
    model = MagicMock(classes_=np.array([False, True]))
    model.predict_proba.return_value = np.array([[0.9, 0.1], [0.2, 0.8]])
    holds("column", lambda variant: training(column=variant).escalation_scores(model, None).tolist() == [0.1, 0.8])


def test_share(library: MagicMock) -> None:
    scores = np.random.default_rng(0).random(10_000)

    def leaves_the_share(variant: int) -> bool:
        return (scores >= training(share=variant).threshold_for(scores)).mean() == pytest.approx(0.02)

    holds("share", leaves_the_share)


def test_recall(library: MagicMock) -> None:
    labels, scores = [True, True, True, True, False], np.array([0.9, 0.1, 0.1, 0.1, 0.2])
    holds("recall", lambda variant: training(recall=variant).recall_at(labels, scores, 0.5) == pytest.approx(0.25))


def run(library: MagicMock, **sites: int) -> Any:
    """Train on a hundred tickets, the library standing in, and return the module."""
    library.reset_mock()
    library.metrics.average_precision_score.return_value = library.metrics.accuracy_score.return_value = 0.5
    made = training(**sites)
    made.escalation_scores = lambda model, rows: np.linspace(0, 1, 20)
    made.threshold_for = MagicMock(return_value=0.5)
    made.train([ticket(number, escalated=number % 50 == 49) for number in range(100)])
    return made


def test_fitted_parts(library: MagicMock) -> None:
    def rows_fitted(mock: MagicMock) -> int:
        return len(mock.return_value.fit.call_args.args[0])

    def words_of_training(variant: int) -> bool:
        run(library, words=variant)
        return rows_fitted(library.TfidfVectorizer) == 60

    def scale_of_training(variant: int) -> bool:
        run(library, scaler=variant)
        return rows_fitted(library.StandardScaler) == 60

    holds("words", words_of_training)
    holds("scaler", scale_of_training)


def test_tuned(library: MagicMock) -> None:
    def is_set_before_the_test(variant: int) -> bool:
        library.reset_mock()
        made, asked = training(tuned=variant), []
        library.metrics.average_precision_score.return_value = 0.5
        parts = iter([np.full(20, 0.1), np.full(20, 0.9)])
        made.escalation_scores = lambda model, rows: next(parts)
        made.threshold_for = lambda scores: asked.append(scores[0]) or 0.5
        made.train([ticket(number, escalated=number % 50 == 49) for number in range(100)])
        return asked == [0.1]

    holds("tuned", is_set_before_the_test)


def test_metric(library: MagicMock, capsys: pytest.CaptureFixture[str]) -> None:
    library.metrics.accuracy_score = lambda labels, found: (labels == found).mean()
    library.metrics.average_precision_score = lambda labels, scores: labels.mean()  # what it is for equal scores

    def gives_no_skill_no_credit(variant: int) -> bool:
        made = training(metric=variant)
        made.escalation_scores = lambda model, rows: np.zeros(20)
        made.threshold_for = lambda scores: 0.5
        made.train([ticket(number, escalated=number % 50 == 49) for number in range(100)])
        return float(capsys.readouterr().out.split("\n")[0].split()[-1]) < 0.1

    holds("metric", gives_no_skill_no_credit)
