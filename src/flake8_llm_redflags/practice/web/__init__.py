"""The page that looks like a pull request: ``serve(session)`` hands a round to a browser on this machine."""

from .server import PageServer, serve

__all__ = ["PageServer", "serve"]
