"""A guard in front of a WSGI application: Flask, Django, Pyramid, or a plain one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from credicorp_auth.resource.access import OPEN
from credicorp_auth.resource.guard import CLAIMS_KEY, Guard
from credicorp_auth.resource.refusal import Answer
from credicorp_auth.resource.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIApplication

    from credicorp_auth.resource.access import RequiredScope
    from credicorp_auth.resource.verifier import Verifier


class BearerGuard:
    """
    Lets requests with a good token through to a WSGI application, and answers the others.

    The application finds what the token says under `credicorp_auth.claims` in its environ.

    Args:
        app: The application.
        verifier: Who says whether a token is good: a `TokenVerifier`, a `CredicorpAuth`, ….
        required_scope: What a token must be good for: one scope for every path, or a table from
            path to scope, `OPEN`, `CLOSED`, or a table from method to these. A path stands for all
            that lies below it, the longest counts, and what is not in the table is closed.
        realm: What the service calls itself in challenges.

    Raises:
        InvalidSetting: A scope, path, method or the realm cannot be used.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        app: WSGIApplication,
        verifier: Verifier,
        required_scope: RequiredScope,
        *,
        realm: str = "api",
    ) -> None:
        self._app, self._routes = app, Routes(required_scope)
        self._guard = Guard(verifier, realm=realm)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        required = self._routes.find(environ["REQUEST_METHOD"], find_path(environ))
        if required is not OPEN:
            outcome = self._guard.admit(required, lambda name: find_header(environ, name))
            if isinstance(outcome, Answer):
                start_response(_status_line(outcome.status), list(outcome.headers))
                return [b"" if environ["REQUEST_METHOD"] == "HEAD" else outcome.body]
            environ[CLAIMS_KEY] = outcome
        return self._app(environ, start_response)


def find_header(environ: Mapping[str, Any], name: str) -> Sequence[str]:
    """Return the value of a header of the request, which servers make one of several."""
    key = f"HTTP_{name.upper().replace('-', '_')}"
    return [environ[key]] if key in environ else []


def find_path(environ: Mapping[str, Any]) -> str | None:
    """Return the path below where the application is mounted; None where it is no text."""
    try:
        path: str = environ.get("PATH_INFO", "").encode("latin-1").decode()
    except UnicodeError:
        return None
    return path


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
