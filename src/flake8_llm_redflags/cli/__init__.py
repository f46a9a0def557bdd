"""The ``redflags`` command."""

from __future__ import annotations

import sys

import typer

from .. import __version__
from .problem import Problem

#: Exit status after Ctrl-C, as shells have it.
_INTERRUPTED = 130

app = typer.Typer(
    name="redflags",
    help="Reads LLM and ML code the way a strong engineer reads it in a code review.",
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
    from . import allow, check, evidence, new_rule, pages, practice, profile

    app.command("check")(check.check)
    app.command("rule")(pages.rule)
    app.command("rules")(pages.rules)
    app.command("allow")(allow.allow)
    app.command("new-rule")(new_rule.new_rule)
    app.add_typer(practice.app, name="practice")
    app.add_typer(profile.app, name="profile")
    app.add_typer(evidence.app, name="evidence")


_register()


def main() -> None:
    """Run the command. Exit status: 0 clean, 1 findings, 2 could not run."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that lacks a character must not end the run
            stream.reconfigure(errors="backslashreplace")
    try:
        status = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except Problem as problem:
        _complain(str(problem), 2)
    except (typer.Abort, KeyboardInterrupt):
        status = _INTERRUPTED
    except Exception as error:
        if not hasattr(error, "format_message"):  # anything but typer's own complaints about options
            raise
        _complain(f"{' '.join(error.format_message().split())} (redflags --help shows what there is)", 2)
    if status == _INTERRUPTED:
        _complain("interrupted", _INTERRUPTED)
    sys.exit(status or 0)


def _complain(text: str, status: int) -> None:
    print(f"redflags: {text}", file=sys.stderr)
    sys.exit(status)
