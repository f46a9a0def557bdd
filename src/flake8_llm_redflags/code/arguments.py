"""The arguments of a call: by position, by keyword, or hidden behind a ``*``."""

from __future__ import annotations

from collections.abc import Container

from .syntax import cst


def argument(call: cst.Call, position: int, name: str | None = None) -> cst.BaseExpression | None:
    """Return an argument by its position (from 0) or its keyword; None where it is not given or hidden by a ``*``."""
    if name is not None and (found := keyword(call, name)) is not None:
        return found
    for number, arg in enumerate(call.args):
        if arg.star or arg.keyword is not None:
            return None
        if number == position:
            return arg.value
    return None


def keyword(call: cst.Call, name: str) -> cst.BaseExpression | None:
    """Return the value of the keyword argument ``name``, None where it is not given."""
    given = keyword_argument(call, name)
    return given.value if given is not None else None


def keyword_argument(call: cst.Call, name: str) -> cst.Arg | None:
    """Return the keyword argument ``name`` itself, None where it is not given."""
    return next((arg for arg in call.args if arg.keyword is not None and arg.keyword.value == name), None)


def has_star_arguments(call: cst.Call) -> bool:
    """Does the call unpack ``*args`` or ``**kwargs``, so that any argument may be in it?"""
    return any(arg.star for arg in call.args)


def may_give(call: cst.Call, names: Container[str]) -> bool:
    """Is one of these keywords given, or could it hide behind a ``*``?"""
    return any(arg.star or (arg.keyword is not None and arg.keyword.value in names) for arg in call.args)
