"""
Guard for Starlette: marks on endpoints, enforced behind the router.

    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))

    @guard.requires("decisions:read")
    async def read(request: Request) -> Response: …  # request.scope["credicorp_auth.claims"]

    app = Starlette(routes=[Route("/decisions/{name}", read), …])
    guard.install(app)
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware

from credicorp_auth.errors import InvalidSetting, UsageError
from credicorp_auth.resource import guard as core
from credicorp_auth.resource.asgi import allows, check_kind
from credicorp_auth.resource.starlette_routes import CHECK, CheckedRoutes
from credicorp_auth.resource.verifier import Proof

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from starlette.applications import Starlette

    from credicorp_auth.resource.asgi import AsgiApp, Connection, Receive, Send


class Guard(core.Guard[Proof]):
    """
    Verifies the tokens of requests to a Starlette application.

    Starlette has no hook behind its router. So `install` hooks every route when the application
    starts; a route that is added later is refused.

    Its arguments are those of `credicorp_auth.resource.Guard`.

    .. versionadded:: 1.0.0
    """

    def install(self, app: Starlette, *, public: Iterable[str] = ()) -> None:
        """
        Enforce the marks of an application and of the applications mounted in it.

        Args:
            app: The application, before it has started. Start-up fails if a route, mount or static
                folder is not marked, not wrapped in a `BearerGuard` and not public. Until that
                check has passed, every request is refused. A mounted application with its own guard
                is checked by that guard.
            public: Names of routes that are public on purpose; below a named mount as in `url_for`:
                "mount:route".

        Raises:
            UsageError: The application has started (`resource.installed_late`).
        """
        if app.middleware_stack is not None:
            raise UsageError(
                "a guard was installed in an application that has started",
                code="resource.installed_late",
                hint="call `guard.install(app)` where the application is built.",
            )
        check = _StartCheck(self, app, public if isinstance(public, str) else tuple(public))
        setattr(app, CHECK, check)
        app.user_middleware.append(Middleware(check.gate))
        app.router.lifespan_context = check.extend(app.router.lifespan_context)


class _StartCheck:
    """One-time check of an application's routes, at start-up or at the first request."""

    def __init__(self, guard: core.Guard[Any], app: Starlette, public: Iterable[str]) -> None:
        self._guard, self._app, self._public = guard, app, public
        self._passed = False
        # The router that requests reach, and the one that was checked: `app.router` may be
        # replaced.
        self._served: object = None
        self._checked: object = None

    def run(self) -> None:
        """
        Check the routes once; routes that are added later are refused without a check.

        Raises:
            InvalidSetting: The check has failed, now or before.
        """
        if self._checked is None:
            self._checked = self._served or self._app.router
            CheckedRoutes(self._guard, self._checked, self._public)
            self._passed = True
        elif not self._passed:
            raise InvalidSetting(
                "the application's routes did not pass the check of its first start",
                code="guard.unmarked",
                hint="fix what the first check has logged, and create the application again.",
            )

    def extend(self, lifespan: Any) -> Any:  # noqa: ANN401 - of many types
        """Return a lifespan that checks after the application's start-up, which may add routes."""

        @asynccontextmanager
        async def checked(app: Any) -> AsyncGenerator[Any]:  # noqa: ANN401
            async with lifespan(app) as state:
                self.run()
                yield state

        return checked

    def gate(self, app: AsgiApp) -> AsgiApp:
        """Return an application that refuses every request until the check has passed."""
        served = self._served = self._app.router  # the router of the stack being built

        async def pass_checked(scope: Connection, receive: Receive, send: Send) -> None:
            if scope["type"] != "lifespan":
                check_kind(scope)
                if self._checked is None:
                    self._try()
                passed = self._passed and served is self._checked
                if not passed and not await allows(None, self._guard, scope, receive, send):
                    return
            await app(scope, receive, send)

        return pass_checked

    def _try(self) -> None:
        try:
            self.run()
        except InvalidSetting as error:
            core.log_unchecked(error)
