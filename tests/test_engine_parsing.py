"""The parse leaves out libcst's checks of its own nodes, and nothing else."""

from __future__ import annotations

import gc
from pathlib import Path

import libcst as cst
import pytest

from flake8_llm_redflags.code import parsing

from .support import STANDARD_LIBRARY_SAMPLE


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[cst.Name]:
    """Return the names that libcst checks from here on."""
    seen: list[cst.Name] = []
    monkeypatch.setattr(cst.Name, "_validate", lambda name: seen.append(name))
    return seen


@pytest.mark.parametrize("path", STANDARD_LIBRARY_SAMPLE, ids=lambda path: path.name)
def test_the_tree_is_that_of_libcst(path: Path) -> None:
    text = path.read_text()
    module = parsing.parse(text)
    assert module.deep_equals(cst.parse_module(text))
    assert module.code == text


def test_nodes_are_not_checked_while_a_module_is_parsed(checked: list[cst.Name]) -> None:
    parsing.parse("a = b\n")
    assert checked == []
    cst.parse_module("a = b\n")
    assert [name.value for name in checked] == ["a", "b"]


@pytest.mark.parametrize("text", ["a = b\n", "a = (\n"], ids=["parsed", "refused"])
def test_nodes_are_checked_again_afterwards(text: str) -> None:
    try:
        parsing.parse(text)
    except cst.ParserSyntaxError:
        assert text == "a = (\n"
    with pytest.raises(cst.CSTValidationError):
        cst.Name("")


def test_the_garbage_collector_is_left_as_it_was() -> None:
    enabled = gc.isenabled()
    try:
        for switch in (gc.enable, gc.disable):
            switch()
            before = gc.isenabled()
            parsing.parse("a = b\n")
            assert gc.isenabled() is before
    finally:
        (gc.enable if enabled else gc.disable)()


def test_a_hook_that_does_more_is_left_alone(monkeypatch: pytest.MonkeyPatch, checked: list[cst.Name]) -> None:
    def hook(node: cst.CSTNode) -> None:
        node._validate()
        gc.isenabled()

    monkeypatch.setattr(parsing, "_HOOK", hook)
    monkeypatch.setattr(cst.CSTNode, "__post_init__", hook)
    parsing.parse("a = b\n")
    assert [name.value for name in checked] == ["a", "b"]


def test_libcst_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = cst.CSTNode.__post_init__
    parsing.parse("a = b\n")
    assert cst.CSTNode.__post_init__ is hook
    monkeypatch.setattr(parsing, "_HOOK", None)
    assert parsing.parse("a = b\n").code == "a = b\n"
    assert cst.CSTNode.__post_init__ is hook
