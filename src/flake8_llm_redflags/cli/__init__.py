"""The ``redflags`` command."""

from __future__ import annotations

import sys

import typer

from .. import __version__
from .problem import Problem

app = typer.Typer(
    name="redflags",
    help="Reads LLM and ML code the way a strong engineer reads it in a code review.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"redflags {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_print_version, is_eager=True),
) -> None:
    """Options of the command itself."""


def _register() -> None:
    from . import check, pages

    app.command("check")(check.check)
    app.command("rule")(pages.rule)
    app.command("rules")(pages.rules)


_register()


def main() -> None:
    """Run the command. Exit status: 0 clean, 1 findings, 2 could not run."""
    try:
        app()
    except Problem as problem:
        print(f"redflags: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("redflags: interrupted", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # `redflags check . | head`
        sys.stderr.close()
        sys.exit(1)
