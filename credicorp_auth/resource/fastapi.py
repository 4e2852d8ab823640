"""
Tokens for FastAPI: what a path needs, said where the path is declared.

    guard = BearerGuard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"), app)

    @app.get("/decisions/{decision_id}")
    def read(claims: Annotated[Claims, Depends(guard.requires("decisions:read"))]) -> …
"""

# FastAPI looks at annotations at run time, so none of them is postponed here.
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from credicorp_auth.oauth.scope import Scope
from credicorp_auth.resource.access import ANY_TOKEN, read_scope
from credicorp_auth.resource.asgi import find_header, send_answer
from credicorp_auth.resource.guard import Guard
from credicorp_auth.resource.refusal import Answer
from credicorp_auth.resource.verifier import Verifier


class Refused(HTTPException):
    """
    A request is turned away.

    Without the handler that `BearerGuard.install` adds, FastAPI makes of it an answer with the
    right status and challenge, and a body that is not the documented envelope.

    Args:
        answer: What the caller is told.
    """

    def __init__(self, answer: Answer) -> None:
        headers = {name: value for name, value in answer.headers if not name.startswith("Content-")}
        super().__init__(answer.status, headers=headers)
        self.answer = answer


class BearerGuard:
    """
    Makes dependencies that let requests with a good token through.

    Args:
        verifier: Who says whether a token is good: a `TokenVerifier`, a `CredicorpAuth`, ….
        app: The application whose refusals are to be the documented envelope; `install` adds more.
        realm: What the service calls itself in challenges.

    Raises:
        InvalidSetting: The realm cannot stand in a header.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, verifier: Verifier, app: FastAPI | None = None, *, realm: str = "api"
    ) -> None:
        self._guard = Guard(verifier, realm=realm)
        if app is not None:
            self.install(app)

    def install(self, app: FastAPI) -> None:
        """Let an application, also one that is mounted in another, refuse with the envelope."""
        app.add_exception_handler(Refused, _tell_caller)

    def requires(self, scope: Scope | str = ANY_TOKEN) -> Callable[..., Any]:
        """
        Make a dependency: `Depends(guard.requires("decisions:read"))`.

        Args:
            scope: What the token must be good for; any good token will do when not given.

        Returns:
            A callable that gives what the token says; OpenAPI shows it as the scheme `bearer`.
        """
        return _Requirement(self._guard, read_scope(scope))


class _Requirement(SecurityBase):
    """What one path needs; HTTP requests and WebSockets alike."""

    def __init__(self, guard: Guard, required: Scope) -> None:
        self.model = HTTPBearer()
        self.scheme_name = "bearer"
        self._guard, self._required = guard, required

    async def __call__(self, connection: HTTPConnection) -> Any:  # noqa: ANN401 - the verifier's
        outcome = await self._guard.aadmit(
            self._required, lambda name: find_header(connection.scope, name)
        )
        if isinstance(outcome, Answer):
            raise Refused(outcome)
        return outcome


async def _tell_caller(connection: object, refused: Exception) -> Any:  # noqa: ANN401 - of two kinds
    assert isinstance(refused, Refused)  # noqa: S101 - for type checkers
    answer = refused.answer
    if isinstance(connection, WebSocket):  # Starlette's earlier releases send it no response
        await send_answer(answer, connection.scope, connection.receive, connection.send)
        return None
    return Response(answer.body, answer.status, dict(answer.headers))
