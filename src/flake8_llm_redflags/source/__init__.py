"""Text in: Python files, standard input, and the discovery of files."""

from .python import Source, Unreadable, decode, read

__all__ = ["Source", "Unreadable", "decode", "read"]
