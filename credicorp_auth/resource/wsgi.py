"""Guard around a WSGI application: Flask, Django, Pyramid, or a plain one."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from credicorp_auth.resource.guard import CLAIMS_KEY, Guard
from credicorp_auth.resource.open_paths import OpenPaths
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.scope import read_scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication

    from credicorp_auth.resource.scope import RequiredScope
    from credicorp_auth.resource.verifier import Verifier


class BearerGuard:
    """
    Requires a token with one scope for every request to a WSGI application.

    The application finds the claims under `credicorp_auth.claims` in its environ.

    Args:
        app: The application.
        verifier: Verifies tokens: a `TokenVerifier`, an `IntrospectingVerifier`, …; see `Guard`.
        scope: The scope that a token must cover; `ANY_SCOPE` for any valid token.
        open_paths: Full paths that GET and HEAD may request without a token, such as `/health`.
            Below a `SCRIPT_NAME`, the path with it and the path without it must both be listed.
        realm: The service's name in challenges.

    Raises:
        InvalidSetting: The scope, a path or the realm is invalid.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        app: WSGIApplication,
        verifier: Verifier[object],
        *,
        scope: RequiredScope,
        open_paths: Iterable[str] = (),
        realm: str = "api",
    ) -> None:
        self._app, self._guard = app, Guard(verifier, realm=realm)
        self._required, self._open = read_scope(scope), OpenPaths(open_paths)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        if not self._is_open(environ):
            try:
                claims = self._guard.require(list_headers(environ), self._required)
            except Refused as refusal:
                start_response(_status_line(refusal.status), list(refusal.headers))
                return [b"" if environ["REQUEST_METHOD"] == "HEAD" else refusal.body]
            environ[CLAIMS_KEY] = claims
        return self._app(environ, start_response)

    def _is_open(self, environ: Mapping[str, Any]) -> bool:
        mounted = _decode(environ.get("SCRIPT_NAME", ""))
        path = _decode(environ.get("PATH_INFO", ""))
        return self._open.covers(environ["REQUEST_METHOD"], mounted + path, mounted)


def list_headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the headers of a request; servers join the values of repeated ones."""
    return [
        (key.removeprefix("HTTP_").replace("_", "-"), value)
        for key, value in environ.items()
        if key.startswith("HTTP_")
    ]


def _decode(text: str) -> str:
    """Decode WSGI's text, which holds bytes as latin-1 (PEP 3333), as UTF-8."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return "\ufffd"  # matches no path
    return raw.decode("utf-8", "surrogateescape")


def _status_line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"
