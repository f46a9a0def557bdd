"""What the calls of data science libraries do to rows, read from the knowledge tables."""

from __future__ import annotations

import re
from functools import cache, partial
from typing import Literal

from ...knowledge import table, words

Category = Literal[
    "supervised",
    "unsupervised",
    "clusterers",
    "encoders",
    "labels",
    "stateless",
    "row_creating",
    "row_removing",
    "folds",
    "pipelines",
    "transformers",
    "searchers",
    "models",
]
_CLASSES = {
    "transformers": ("stateless", "labels", "encoders", "clusterers", "unsupervised", "supervised"),
    "samplers": ("row_creating", "row_removing"),
    "splits": ("folds",),
    "composites": ("pipelines", "transformers", "searchers"),
}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


#: Returns one list of the data table.
names = partial(words, "data")


@cache
def _categories() -> dict[str, Category]:
    found: dict[str, Category] = dict.fromkeys(names("text_preprocessors"), "unsupervised")
    for section, categories in _CLASSES.items():
        for category in categories:
            found.update(dict.fromkeys(names(section, category), category))  # type: ignore[arg-type]
    return found


def is_trusted(qualified: str | None) -> bool:
    """May a name mean what the tables say: is it unresolved, or imported from a library that follows scikit-learn?"""
    return qualified is None or qualified.partition(".")[0] in names("packages")


def category_of(name: str, qualified: str | None) -> Category | None:
    """Return what kind of estimator, sampler or splitter a class is; None where the tables do not hold it."""
    return _categories().get(name) if is_trusted(qualified) else None


def category_by_name(name: str) -> Category | None:
    """Return what an object that nothing resolves is by its name: ``scaler``, ``text_vectorizer``, ``clf2``."""
    words = {word.lower() for part in name.split("_") for word in _WORD.findall(part)} | {name.lower()}
    for category in ("supervised", "unsupervised", "encoders", "models"):
        if words & names("object_words", category):
            return category  # type: ignore[return-value]
    return None


@cache
def estimator_methods() -> frozenset[str]:
    """Return the methods that only an object that is fitted has."""
    methods = [names("transformer_methods", key) for key in ("fit", "fit_transform", "transform")]
    return frozenset().union(*methods, *(names("models", key) for key in ("train", "predict", "score")))


@cache
def conventional_modules() -> dict[str, str]:
    """Return what ``pd`` and its like stand for in snippets that show no imports."""
    return dict(table("data")["aliases"]["modules"])
