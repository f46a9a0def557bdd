"""What the rules about secrets share: the suspects of a file less what the user allows, and the edit that mends them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...finding import Edit, Span

if TYPE_CHECKING:
    from ...code import Code
    from ...code.secrets import Evidence, NamedLiteral
    from ...config import Config


def suspects(code: Code, config: Config) -> Iterator[tuple[NamedLiteral, Evidence]]:
    """Yield the literals and comments that may hold secrets with the evidence, but those that the configuration allows."""
    allowed_names = [re.compile(pattern) for pattern in config.allowed_secret_names]
    for literal, evidence in (*code.secrets.suspects, *code.secrets.in_comments):
        if fingerprint(literal.value) in config.allowed_secrets:
            continue
        if literal.name is not None and any(pattern.search(literal.name) for pattern in allowed_names):
            continue
        yield literal, evidence


def fingerprint(value: str) -> str:
    """Return the SHA-256 of a literal, in hexadecimal, as allowlists hold it."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def read_from_environment(code: Code, literal: NamedLiteral, evidence: Evidence) -> Edit | None:
    """Return the edit that reads the value from ``os.environ``, None where the literal is not the whole value."""
    if not literal.is_bound or literal.name is None or isinstance(literal.node, Span):
        return None
    variable = re.sub(r"[^A-Z0-9]+", "_", literal.name.upper()).strip("_")
    if variable in ("KEY", "API_KEY", "TOKEN", "SECRET") and evidence.provider is not None:
        variable = f"{re.sub(r'[^A-Z0-9]+', '_', evidence.provider.upper()).strip('_')}_{variable}"
    if not variable.isidentifier() or not code.names.is_free_for("os"):
        return None
    title = f"read it from the environment variable {variable}"
    return code.edit(title, safe=False).replace(literal.node, f'os.environ["{variable}"]').importing("os").done()
