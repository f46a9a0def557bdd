"""What the user asked for: which rules run, and the facts about the project that rules may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Config:
    """Options of one run, the same for flake8 and for the command.

    ``select`` and ``ignore`` hold code prefixes; as in flake8 and ruff the longest prefix that fits a code decides,
    and ``ignore`` wins a tie. A preview rule runs with ``preview`` or where its full code is selected.
    """

    select: tuple[str, ...] = ("LRF",)
    ignore: tuple[str, ...] = ()
    preview: bool = False
    noqa: bool = True
    #: SHA-256 (hex) of literals that are known not to be secrets.
    allowed_secrets: frozenset[str] = frozenset()
    #: Regular expressions; a literal bound to a name that one of them matches is not a secret.
    allowed_secret_names: tuple[str, ...] = ()
    #: The torch version that the project runs on (``"2.5"``), where its own files do not say.
    torch_version: str | None = None

    def enables(self, code: str, *, preview: bool = False) -> bool:
        """Tell whether the rule ``code`` runs, given whether it is a ``preview`` rule."""
        if preview and not self.preview and code not in self.select:
            return False
        return _longest(self.select, code) > _longest(self.ignore, code)


def _longest(prefixes: tuple[str, ...], code: str) -> int:
    """Return the length of the longest prefix of ``code`` among ``prefixes``, 0 where none fits."""
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=0)
