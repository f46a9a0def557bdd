"""Why the command could not run."""

from __future__ import annotations


class Problem(Exception):
    """Something the user must mend: one line that names the place and the remedy. The command exits with 2."""
