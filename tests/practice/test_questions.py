"""The questions that follow a flag fit it, and point at numbers that exist."""

from __future__ import annotations

import re

import pytest

from flake8_llm_redflags import resources
from flake8_llm_redflags.knowledge import table
from flake8_llm_redflags.practice.questions import next_questions
from flake8_llm_redflags.practice.scenario import load_all

SITES = {(s.name, site.name): site for s in load_all(resources.folder("fixtures") / "scenarios") for site in s.sites}


@pytest.mark.parametrize(
    ("scenario", "site", "asked"),
    [
        ("mini-gpt", "norm", "Why RMSNorm"),
        ("mini-gpt", "positions", "rotary"),
        ("mini-gpt", "causal", "self-attention"),
        ("mini-gpt", "crop", "speculative|KV cache"),
        ("evaluation-harness", "cache", "semantic cache"),
        ("tool-agent", "host", "prompt injection"),
    ],
)
def test_the_question_fits_the_flag(scenario: str, site: str, asked: str) -> None:
    found = SITES[scenario, site]
    assert next_questions(found)[: len(found.probes)] == found.probes
    assert re.search(asked, next_questions(found)[-1])


@pytest.mark.parametrize(
    ("scenario", "site"),
    [("tabular-classifier", "metric"), ("llm-batch-labeller", "key"), ("pre-training-loop", "log")],
)
def test_no_question_is_better_than_one_about_something_else(scenario: str, site: str) -> None:
    assert next_questions(SITES[scenario, site]) == SITES[scenario, site].probes


def test_there_are_twenty_and_their_numbers_exist() -> None:
    questions = table("practice")["questions"]
    topics = {claim["topic"] for claim in table("claims")["claims"].values()}
    assert len(questions) == 20
    assert {question["claim"] for question in questions if "claim" in question} <= topics
