"""A guard in front of an ASGI application: FastAPI, Starlette, Quart, Django, or a plain one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.errors import InvalidSetting, UsageError
from credicorp_auth.resource.access import OPEN
from credicorp_auth.resource.guard import CLAIMS_KEY, Guard
from credicorp_auth.resource.refusal import Answer
from credicorp_auth.resource.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credicorp_auth.resource.access import RequiredScope
    from credicorp_auth.resource.verifier import Verifier

Connection = MutableMapping[str, Any]
"""What ASGI calls a scope."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Connection, Receive, Send], Awaitable[None]]

_POLICY_VIOLATION: Final = 1008
_DENIAL: Final = "websocket.http.response"


class BearerGuard:
    """
    Lets requests with a good token through to an ASGI application, and answers the others.

    The application finds what the token says under `credicorp_auth.claims` in its scope. A
    WebSocket is judged by its handshake, as a GET.

    Args:
        app: The application.
        verifier: Who says whether a token is good: a `TokenVerifier`, a `CredicorpAuth`, ….
        required_scope: What a token must be good for: one scope for every path, or a table from
            path to scope, `OPEN`, `CLOSED`, or a table from method to these. A path stands for all
            that lies below it, the longest counts, and what is not in the table is closed.
        realm: What the service calls itself in challenges.

    Raises:
        InvalidSetting: A scope, path, method or the realm cannot be used, or the application reads
            paths in its own way.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        app: AsgiApp,
        verifier: Verifier,
        required_scope: RequiredScope,
        *,
        realm: str = "api",
    ) -> None:
        if getattr(app, "root_path", ""):
            raise InvalidSetting(
                "the application sets its `root_path` itself, behind a guard that reads paths",
                code="config.route",
                cure="use `app.add_middleware(BearerGuard, …)`, or have the server set it.",
            )
        self._app, self._routes = app, Routes(required_scope)
        self._guard = Guard(verifier, realm=realm)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """
        Serve a connection.

        Raises:
            UsageError: It is of a kind that nobody here can judge (`resource.connection`).
        """
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise UsageError(
                f"a connection of type {ascii(scope['type'])[:40]} cannot be judged",
                code="resource.connection",
                cure="serve http and websocket connections alone behind this guard.",
            )
        required = self._routes.find(scope.get("method", "GET"), find_path(scope))
        if required is OPEN:
            await self._app(scope, receive, send)
            return
        outcome = await self._guard.aadmit(required, lambda name: find_header(scope, name))
        if isinstance(outcome, Answer):
            await send_answer(outcome, scope, receive, send)
        else:
            await self._app({**scope, CLAIMS_KEY: outcome}, receive, send)


def find_header(scope: Connection, name: str) -> Sequence[str]:
    """Return every value of a header of the connection."""
    wanted = name.encode()
    return [value.decode("latin-1") for key, value in scope["headers"] if key.lower() == wanted]


def find_path(scope: Connection) -> str:
    """Return the path below the point where the application is mounted, as frameworks take it."""
    path: str = scope["path"]
    mounted: str = scope.get("root_path", "")
    below = path.removeprefix(mounted) if mounted else path
    return below if below == "" or below.startswith("/") else path


async def send_answer(answer: Answer, scope: Connection, receive: Receive, send: Send) -> None:
    """Answer a connection that is turned away."""
    prefix = "http.response"
    if scope["type"] == "websocket":
        await receive()  # the handshake, which the answer is to
        prefix = _DENIAL
        if _DENIAL not in (scope.get("extensions") or {}):
            # Before it is accepted, servers make a 403 of it.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
            return
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    await send({"type": f"{prefix}.start", "status": answer.status, "headers": headers})
    body = b"" if scope.get("method") == "HEAD" else answer.body
    await send({"type": f"{prefix}.body", "body": body})
