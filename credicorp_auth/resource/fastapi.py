"""
Guard for FastAPI: marks on path operations, enforced behind the router.

    app = FastAPI()
    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))

    @app.get("/decisions/{decision_id}")
    def read(claims: Annotated[Claims, Depends(guard.requires("decisions:read"))]) -> …

    guard.install(app, public=("openapi", "swagger_ui_html", "swagger_ui_redirect"))
"""

# FastAPI evaluates annotations at run time, so none of them is postponed here.
from collections.abc import Coroutine
from typing import Any, TypeVar, overload

from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from credicorp_auth.resource import starlette
from credicorp_auth.resource.asgi import JUDGED_KEY
from credicorp_auth.resource.guard import CLAIMS_KEY
from credicorp_auth.resource.marks import Mark, set_mark
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.scope import RequiredScope, read_scope
from credicorp_auth.resource.verifier import Proof

Handler = TypeVar("Handler")


class Guard(starlette.Guard[Proof]):
    """
    Verifies the tokens of requests to a FastAPI application; see `starlette.Guard`.

    Its arguments are those of `credicorp_auth.resource.Guard`.

    .. versionadded:: 1.0.0
    """

    def requires(self, scope: RequiredScope) -> "Requirement":
        """
        Make a dependency, `Depends(guard.requires("decisions:read"))`, which is also a decorator.

        Args:
            scope: The scope that a token must cover; `ANY_SCOPE` for any valid token.

        Returns:
            As a dependency of an operation, a router or the application, it returns the claims and
            appears in OpenAPI as the scheme `bearer`. As a decorator below the route, it marks the
            function. Both are marks.

        Raises:
            InvalidSetting: The scope is empty or invalid (`config.required_scope`).
        """
        return Requirement(Mark(self, read_scope(scope)))


class Requirement(SecurityBase):
    """
    Required scope of a path operation: a dependency and a decorator in one.

    Args:
        mark: The guard and the scope.

    .. versionadded:: 1.0.0
    """

    def __init__(self, mark: Mark) -> None:
        self.model = HTTPBearer()
        self.scheme_name = "bearer"
        self._mark = mark
        set_mark(self, mark)
        # FastAPI looks here to detect that the dependency must be awaited.
        vars(self)["__call__"] = self._judge

    @overload
    def __call__(self, connection: HTTPConnection) -> Coroutine[Any, Any, Any]: ...
    @overload
    def __call__(self, connection: Handler) -> Handler: ...
    def __call__(self, connection: HTTPConnection) -> Any:  # type: ignore[misc]
        """Judge a connection, as a dependency; or mark a function, as a decorator."""
        if _is_connection(connection):
            return self._judge(connection)
        return set_mark(connection, self._mark)

    async def _judge(self, connection: HTTPConnection) -> Any:  # noqa: ANN401 - the verifier's
        judged = connection.scope.get(JUDGED_KEY)
        if isinstance(judged, Mark) and judged.covers(self._mark):
            return connection.scope[CLAIMS_KEY]  # already judged by `install`, behind the router
        assert self._mark.scope is not None  # noqa: S101 - for type checkers
        try:
            return await self._mark.guard.arequire(connection.headers, self._mark.scope)
        except Refused as refused:
            refusal = refused
        headers = {name: value for name, value in refusal.headers if name in _KEPT}
        raise HTTPException(refusal.status, headers=headers)


def _is_connection(target: object) -> bool:
    return isinstance(target, HTTPConnection)


_KEPT = frozenset({"Cache-Control", "Credicorp-Request-Id", "WWW-Authenticate", "Retry-After"})
