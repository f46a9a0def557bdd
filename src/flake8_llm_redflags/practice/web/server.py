"""Serves one round to a browser on this machine: three static files, and JSON for the rest.

Nothing leaves the machine: the server listens on 127.0.0.1 only, at a port the system chooses; whoever asks must know the token
of the address and must have come by that address (a page elsewhere that points its name at 127.0.0.1 has another ``Host``).
The answers are sent when the round was handed in, not before.
"""

from __future__ import annotations

import json
import secrets
import threading
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ... import resources
from ...knowledge import table
from ..report import as_object, report
from ..review import Review, ReviewError, from_object
from ..session import Session, SessionError, now
from ..store import StoreError

_STATIC = {
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: The longest body that is read, in bytes.
_LONGEST = 2_000_000


class PageServer(ThreadingHTTPServer):
    """The server of one session. ``address`` is what to open in a browser."""

    daemon_threads = True

    def __init__(self, session: Session) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.session = session
        self.token = secrets.token_urlsafe(24)
        self.explained: frozenset[str] = frozenset()
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """The address of the page, token included."""
        return f"http://127.0.0.1:{self.server_address[1]}/?token={self.token}"

    def round(self) -> dict[str, Any]:
        """Return what the page shows while the round runs."""
        session = self.session
        return {
            "code": session.round.code,
            "title": session.round.scenario.title,
            "level": session.round.level.name,
            "ticket": session.round.scenario.ticket,
            "files": {name: text.splitlines() for name, text in session.round.files.items()},
            "families": table("practice")["families"],
            "left_s": session.left(now()) / timedelta(seconds=1),
            "review": session.review().as_object(),
            "submitted": session.submitted is not None,
        }

    def keep(self, told: Any) -> None:
        """Keep the review as it stands. Raises ``ReviewError`` and ``SessionError``."""
        with self.lock:
            self.session.keep(_without_hints(from_object(told)))

    def hint(self) -> dict[str, Any]:
        """Return the next hint."""
        with self.lock:
            hinted = self.session.hinted()
            if hinted is None:
                return {"hint": None}
            self.session = hinted[0]
            return {"hint": hinted[1]}

    def submit(self, told: Any) -> dict[str, Any]:
        """Stop the clock, grade, remember, and return the result with the answers."""
        self.keep(told.get("review"))
        with self.lock:
            self.session = self.session.submit(now())
            self.explained = frozenset(map(str, told.get("explained", ())))
        return self.result()

    def result(self) -> dict[str, Any]:
        """Return the result of a round that was handed in. Raises ``SessionError`` before."""
        if self.session.submitted is None:
            raise SessionError("the round is not handed in yet")
        told = report(self.session)
        found = as_object(told)
        for flag in found["flags"]:
            flag["page"] = any(resources.folder("rules").glob(f"{flag['concept']}-*.md"))
        try:
            from ..memory import remember

            remember(told, self.explained)
        except (ImportError, StoreError) as error:
            found["not_remembered"] = str(error)
        return found


def serve(session: Session) -> PageServer:
    """Return a server for a session, listening; ``serve_forever`` runs it. Raises ``OSError`` where no port can be had."""
    return PageServer(session)


def _without_hints(review: Review) -> Review:
    return Review(review.comments, review.verdict, review.summary)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "redflags"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal belongs to the command."""

    def _answer(self, method: str) -> None:
        try:
            path = self._checked()
            status, kind, body = self._found(method, path)
        except _Refused as refused:
            status, kind, body = refused.status, "application/json", _json({"error": str(refused)})
        except (ReviewError, SessionError) as error:
            status, kind, body = HTTPStatus.UNPROCESSABLE_ENTITY, "application/json", _json({"error": str(error)})
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _checked(self) -> str:
        """Return the path of a request that may be answered."""
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            raise _Refused(HTTPStatus.FORBIDDEN, "this server answers to its own address only")
        told = urlsplit(self.path)
        if told.path not in _STATIC:
            token = self.headers.get("X-Token") or "".join(parse_qs(told.query).get("token", []))
            if not secrets.compare_digest(token.encode(), self.server.token.encode()):
                raise _Refused(
                    HTTPStatus.FORBIDDEN, "the token is missing or wrong: open the address that the command printed"
                )
        return told.path

    def _found(self, method: str, path: str) -> tuple[HTTPStatus, str, bytes]:
        if method == "GET" and path == "/":
            return HTTPStatus.OK, "text/html", _static("page.html")
        if method == "GET" and path in _STATIC:
            name, kind = _STATIC[path]
            return HTTPStatus.OK, kind, _static(name)
        if method == "GET" and path.startswith("/rules/"):
            return HTTPStatus.OK, "text/plain", _page(path.removeprefix("/rules/"))
        server = self.server
        routes = {
            ("GET", "/api/round"): lambda: server.round(),
            ("GET", "/api/result"): lambda: server.result(),
            ("PUT", "/api/review"): lambda: server.keep(self._body()),
            ("POST", "/api/hint"): lambda: server.hint(),
            ("POST", "/api/submit"): lambda: server.submit(self._body()),
        }
        if (method, path) not in routes:
            raise _Refused(HTTPStatus.NOT_FOUND, f"there is no {path}")
        return HTTPStatus.OK, "application/json", _json(routes[method, path]())

    def _body(self) -> Any:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _LONGEST:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a review has at most {_LONGEST:,} bytes")
        try:
            told = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, f"no JSON: {error}") from error
        if not isinstance(told, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "a JSON object is needed")
        return told


def _static(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()


def _page(code: str) -> bytes:
    """Return the page of a rule."""
    if not (code.isalnum() and code.isascii()):
        raise _Refused(HTTPStatus.NOT_FOUND, "there is no such rule")
    found = sorted(resources.folder("rules").glob(f"{code}-*.md"))
    if not found:
        raise _Refused(HTTPStatus.NOT_FOUND, f"there is no rule {code}")
    return found[0].read_bytes()


def _json(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False).encode()
