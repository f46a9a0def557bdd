"""Text in: Python files, standard input, and the discovery of files."""

from .python import Source, Unreadable, decode, is_test, read

__all__ = ["Source", "Unreadable", "decode", "is_test", "read"]
