"""What an interviewer asks next: the author's own questions about a flag, then the usual ones of its field."""

from __future__ import annotations

import re

from ..knowledge import table
from .scenario import Site


def next_questions(site: Site) -> tuple[str, ...]:
    """Return the questions that a flag leads to, the author's first, then the field's that fit it best."""
    fitting = sorted(
        (question for question in table("practice")["questions"] if _fit(question["about"], site)),
        key=lambda question: -_fit(question["about"], site),
    )
    return (*site.probes, *(_with_claim(question) for question in fitting[:1]))


def _fit(about: list[str], site: Site) -> int:
    """Return how well a question fits: the concept itself counts more than its family."""
    by_concept = any(re.search(pattern, f"{site.concept} {site.name}", re.IGNORECASE) for pattern in about)
    return 2 * by_concept + any(re.fullmatch(pattern, site.family) for pattern in about)


def _with_claim(question: dict[str, str]) -> str:
    claim = question.get("claim")
    return f"{question['ask']} (the number: `redflags profile claims`, {claim})" if claim else question["ask"]
