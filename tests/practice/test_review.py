"""``# REVIEW`` comments are read at the lines they speak of, whatever happened to the file around them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flake8_llm_redflags.practice.review import Comment, Review, ReviewError, annotated, family_of, from_object, parse

ORIGINAL = """\
import torch
# usual set-up

def step(model, opt, x, y):
    logits = model(x)

    loss = F.cross_entropy(
        logits.view(-1, V), y.view(-1))
    loss.backward()
    opt.step()
    text = "# REVIEW: not a comment"
    return loss
"""
EDITED = """\
# REVIEW[pr](request-changes): trained on the token it sees
import torch
# usual set-up

def step(model, opt, x, y):
    logits = model(x)

    # REVIEW issue(blocker, labels): targets are not shifted
    # they are the inputs
    # why: the model learns to copy
    # fix: logits[:, :-1] against y[:, 1:]
    loss = F.cross_entropy(
        logits.view(-1, V), y.view(-1))
    loss.backward()
    opt.step()  # review: gradients are never cleared
    text = "# REVIEW: not a comment"
    return loss  # REVIEW nitpick: detach
"""
LINES = [(7, "issue", "blocker"), (10, "issue", None), (12, "nit", None)]


def read(edited: str) -> Review:
    return parse({"train.py": edited}, {"train.py": ORIGINAL})


def test_reads_everything_a_comment_may_say() -> None:
    review = read(EDITED)
    assert [(c.line, c.label, c.severity) for c in review.comments] == LINES
    first = review.comments[0]
    assert (first.text, first.why) == ("targets are not shifted they are the inputs", "the model learns to copy")
    assert (first.fix, first.families) == ("logits[:, :-1] against y[:, 1:]", ("labels-loss",))
    assert (review.verdict, review.summary) == ("request-changes", "trained on the token it sees")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("F.cross_entropy(\n        logits", "F.cross_entropy(logits").replace(
            "\ndef step", "\n\n\ndef step"
        ),
        lambda text: text.replace("    loss.backward()", "    opt.zero_grad()\n    loss.backward()"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("    text = ", "    if True\n    text = "),  # no longer parses
        lambda text: text.replace("import torch\n", ""),
        lambda text: text.replace('    text = "# REVIEW: not a comment"\n', ""),
    ],
    ids=[
        "reformatted",
        "mended in place",
        "Windows newlines",
        "no longer parses",
        "line deleted above",
        "line deleted below",
    ],
)
def test_comments_stay_at_their_lines(change) -> None:  # type: ignore[no-untyped-def]
    assert [c.line for c in read(change(EDITED)).comments] == [line for line, *_ in LINES]


@pytest.mark.parametrize(
    ("written", "severity", "text"),
    [
        ("# REVIEW blocker: not shifted", "blocker", "not shifted"),
        ("# REVIEW issue major labels-loss: not shifted", "major", "not shifted"),
        ("# REVIEW not shifted", None, "not shifted"),
        ("# REVIEW - this is wrong: not shifted", None, "this is wrong: not shifted"),
        ("#REVIEW(major): not shifted", "major", "not shifted"),
    ],
)
def test_no_comment_is_lost_for_its_form(written: str, severity: str | None, text: str) -> None:
    (comment,) = read(ORIGINAL.replace("    loss.backward()", f"    {written}\n    loss.backward()")).comments
    assert (comment.line, comment.severity, comment.text) == (9, severity, text)


@pytest.mark.parametrize("word", ["request-changes", "request changes", "Request_Changes"])
def test_a_verdict_may_be_spelt_in_words(word: str) -> None:
    assert read(f"# REVIEW[pr]({word}): so\n{ORIGINAL}").verdict == "request-changes"


def test_text_in_a_string_is_no_comment_where_the_rest_does_not_parse() -> None:
    assert [c.line for c in read(f"{EDITED}def broken(:\n").comments] == [line for line, *_ in LINES]


def test_a_file_that_was_deleted_counts_as_unchanged() -> None:
    assert parse({}, {"train.py": ORIGINAL}) == Review()


texts = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12).map(lambda text: f"x{text}")
made = st.builds(
    Comment,
    text=texts,
    file=st.just("train.py"),
    line=st.sampled_from([1, 4, 5, 7, 9, 10, 11, 12]),
    label=st.sampled_from(["issue", "question", "nit", "suggestion", "praise", "note"]),
    severity=st.sampled_from([None, "blocker", "major", "minor"]),
    families=st.sampled_from([(), ("masking",), ("optim", "rl")]),
    why=st.just("") | texts,
    fix=st.just("") | texts,
)


@settings(max_examples=200)
@given(st.lists(made, max_size=5, unique_by=lambda comment: comment.line))
def test_what_is_written_is_read_back(comments: list[Comment]) -> None:
    review = read(annotated({"train.py": ORIGINAL}, comments)["train.py"])
    assert sorted(review.comments, key=lambda c: c.line or 0) == sorted(comments, key=lambda c: c.line or 0)
    assert from_object(review.as_object()) == review


def test_families_go_by_any_prefix_that_is_theirs_alone() -> None:
    assert (family_of("labels"), family_of("eval"), family_of("data"), family_of("d")) == (
        "labels-loss",
        "eval",
        None,
        None,
    )


@pytest.mark.parametrize(
    "told", [None, {}, {"schema": 99}, {"schema": 1, "comments": [{"line": 0}]}, {"schema": 1, "verdict": "merge"}]
)
def test_a_review_that_cannot_be_read_says_so(told: object) -> None:
    with pytest.raises(ReviewError):
        from_object(told)
