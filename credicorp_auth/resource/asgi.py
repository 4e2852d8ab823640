"""Guard around an ASGI application: FastAPI, Starlette, Quart, Django, or a plain one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.errors import UsageError
from credicorp_auth.resource.guard import CLAIMS_KEY, Guard
from credicorp_auth.resource.marks import Mark
from credicorp_auth.resource.open_paths import OpenPaths
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.scope import read_scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.resource.scope import RequiredScope
    from credicorp_auth.resource.verifier import Verifier

Connection = MutableMapping[str, Any]
"""A connection, which ASGI calls a scope."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Connection, Receive, Send], Awaitable[None]]

JUDGED_KEY: Final = "credicorp_auth.judged"
"""Key, in a connection's scope, of the mark by which its token was judged."""

_POLICY_VIOLATION: Final = 1008
_DENIAL: Final = "websocket.http.response"


class BearerGuard:
    """
    Requires a token with one scope for every request to an ASGI application.

    The application finds the claims under `credicorp_auth.claims` in the connection's scope. A
    WebSocket is judged at its handshake, by its `Authorization` header only.

    Args:
        app: The application.
        verifier: Verifies tokens: a `TokenVerifier`, an `IntrospectingVerifier`, …; see `Guard`.
        scope: The scope that a token must cover; `ANY_SCOPE` for any valid token.
        open_paths: Full paths that GET and HEAD may request without a token, such as `/health`.
            Below a `root_path`, the path with it and the path without it must both be listed.
        realm: The service's name in challenges.

    Raises:
        InvalidSetting: The scope, a path or the realm is invalid.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        app: AsgiApp,
        verifier: Verifier[object],
        *,
        scope: RequiredScope,
        open_paths: Iterable[str] = (),
        realm: str = "api",
    ) -> None:
        self.app, self._guard = app, Guard(verifier, realm=realm)
        self._mark = Mark(self._guard, read_scope(scope))
        self._open = OpenPaths(open_paths)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """
        Serve a connection.

        Raises:
            UsageError: The type of connection is not supported (`resource.connection`).
        """
        if scope["type"] == "lifespan" or self._is_open(scope):
            await self.app(scope, receive, send)
            return
        check_kind(scope)
        scope = {**scope}
        if await allows(self._mark, self._guard, scope, receive, send):
            await self.app(scope, receive, send)

    def _is_open(self, scope: Connection) -> bool:
        return scope["type"] == "http" and self._open.covers(
            scope["method"], scope["path"], scope.get("root_path") or ""
        )


def check_kind(scope: Connection) -> None:
    """
    Check that a connection has a supported type.

    Raises:
        UsageError: It is neither http nor websocket (`resource.connection`).
    """
    if scope["type"] not in {"http", "websocket"}:
        raise UsageError(
            f"a connection of type {ascii(scope['type'])[:40]} cannot be judged",
            code="resource.connection",
            hint="serve http and websocket connections alone behind this guard.",
        )


async def allows(
    mark: Mark | None, guard: Guard[Any], scope: Connection, receive: Receive, send: Send
) -> bool:
    """
    Judge a connection by a mark; refuse it, or add the claims to its scope.

    Args:
        mark: The mark of the handler; None, for an unmarked handler, refuses every request.
        guard: The guard that refuses requests to an unmarked handler.
        scope: The connection.
        receive: Receives its messages.
        send: Sends its responses.

    Returns:
        Whether the handler may serve the connection; if not, the refusal has been sent.
    """
    try:
        if mark is None:
            raise guard.refuse_unmarked(scope["headers"])
        if mark.scope is not None:
            claims = await mark.guard.arequire(scope["headers"], mark.scope)
            scope[CLAIMS_KEY], scope[JUDGED_KEY] = claims, mark
    except Refused as refused:
        refusal = refused
    else:
        return True
    await send_refused(refusal, scope, receive, send)
    return False


async def send_refused(refused: Refused, scope: Connection, receive: Receive, send: Send) -> None:
    """Send a refusal as the response to a connection; to a WebSocket before it is accepted."""
    prefix = "http.response"
    if scope["type"] == "websocket":
        await receive()  # the handshake, which this responds to
        prefix = _DENIAL
        if _DENIAL not in (scope.get("extensions") or {}):
            # Servers turn a close before the accept into a 403.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
            return
    headers = [(name.lower().encode(), value.encode()) for name, value in refused.headers]
    await send({"type": f"{prefix}.start", "status": refused.status, "headers": headers})
    body = b"" if scope.get("method") == "HEAD" else refused.body
    await send({"type": f"{prefix}.body", "body": body})
