"""
Guard for Litestar: a middleware that enforces the marks on handlers, behind the router.

    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))

    @get("/decisions/{name:str}")
    @guard.requires("decisions:read")
    async def read(request: Request, name: str) -> …  # request.auth

    app = Litestar([read], on_app_init=[guard.install])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from litestar.controller import Controller
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.router import Router
from litestar.routes import HTTPRoute

from credicorp_auth.errors import UsageError
from credicorp_auth.resource.asgi import BearerGuard, allows
from credicorp_auth.resource.guard import CLAIMS_KEY, list_unmarked
from credicorp_auth.resource.guard import Guard as CoreGuard
from credicorp_auth.resource.marks import Mark, describe, read_mark, read_public_names
from credicorp_auth.resource.verifier import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from litestar import Litestar
    from litestar.config.app import AppConfig

    from credicorp_auth.resource.asgi import AsgiApp, Connection, Receive, Send
    from credicorp_auth.resource.scope import RequiredScope

Handler = TypeVar("Handler")
_OPTION: Final = "credicorp_auth.mark"
_INNER: Final = ("func", "_fn", "__wrapped__")
"""Attributes in which `AsyncCallable`, a listener and a stream handler keep a function."""
_OWN_OPTIONS: Final = "HTTPRoute.create_options_handler.<locals>.options_handler"


class Guard(CoreGuard[Proof]):
    """
    Marks handlers, controllers and routers; `install` enforces the marks in an application.

    A mark can be above or below the decorator that makes the handler. The marks of a handler, its
    controller and its routers add up.

    Its arguments are those of `credicorp_auth.resource.Guard`.

    .. versionadded:: 1.0.0
    """

    def requires(self, scope: RequiredScope) -> Callable[[Handler], Handler]:
        """
        Make a decorator that marks a function, handler, controller, listener or router.

        Args:
            scope: The scope that a token must cover; `ANY_SCOPE` for any valid token.

        Raises:
            InvalidSetting: See `Guard.requires` of `credicorp_auth.resource`.
        """
        mark: Callable[[Any], Any] = super().requires(scope)

        def carry(handler: Handler) -> Handler:
            return _carry_mark(handler, mark)

        return carry

    def public(self, handler: Handler) -> Handler:
        """Mark a function, handler, controller, listener or router as public on purpose."""
        return _carry_mark(handler, super().public)

    def install(self, config: AppConfig, *, public: Iterable[str] = ()) -> AppConfig:
        """
        Enforce the marks in an application: `Litestar(…, on_app_init=[guard.install])`.

        A request to an unmarked handler is refused with 403; the application logs such handlers
        when it starts. The guard becomes the first middleware. It runs behind the router, and
        before guards, hooks and caches. No handler can exclude it.

        Args:
            config: The configuration of the application.
            public: Names of handlers that are public on purpose, such as those of static files.

        Returns:
            The configuration.

        Raises:
            InvalidSetting: When the application starts: a name belongs to no route or to several
                (`config.public_route`), or a handler is marked by two guards.
            UsageError: When the application starts: another plugin has removed the middleware
                (`resource.removed`).
        """
        listed = public if isinstance(public, str) else tuple(public)
        names = read_public_names(listed, listed)

        enforcer: Any = _Enforcer  # Litestar defines its own ASGI types
        middleware = DefineMiddleware(enforcer, guard=self, public=names)

        def check(app: Litestar) -> None:
            _check_routes(app, names)
            if middleware not in app.middleware:
                raise UsageError(
                    "another plugin has taken the guard's middleware out of the application",
                    code="resource.removed",
                    hint="append to `config.middleware` in that plugin instead of setting it.",
                )

        config.middleware.insert(0, middleware)
        config.on_startup.append(check)
        return config


class _Enforcer:
    """Middleware that judges the connections to one application, behind its router."""

    def __init__(self, app: AsgiApp, guard: CoreGuard[Any], public: frozenset[str]) -> None:
        self._app, self._guard, self._public = app, guard, public

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        handler: BaseRouteHandler = scope["route_handler"]
        mark = _find_mark(handler)
        if mark is None and (_needs_no_mark(handler) or self._is_public(handler)):
            mark = Mark(self._guard, None)
        if await allows(mark, self._guard, scope, receive, send):
            if CLAIMS_KEY in scope:
                scope["auth"] = scope[CLAIMS_KEY]  # which Litestar exposes as `request.auth`
            await self._app(scope, receive, send)

    def _is_public(self, handler: BaseRouteHandler) -> bool:
        named = [each for each in _walk(handler.app) if each.name == handler.name]
        return handler.name in self._public and len(named) == 1


class _Carrier:
    """Holder of a mark in the options of a handler or router, which Litestar copies deeply."""

    def __deepcopy__(self, _: object) -> _Carrier:
        return self


def _carry_mark(handler: Handler, mark: Callable[[Any], Any]) -> Handler:
    if isinstance(handler, BaseRouteHandler | Router):
        mark(handler.opt.setdefault(_OPTION, _Carrier()))
    else:
        mark(handler)
    return handler


def _find_mark(handler: BaseRouteHandler) -> Mark | None:
    """Find the mark of a handler: of its function, options, controller and routers together."""
    carriers = [(layer.opt or {}).get(_OPTION) for layer in handler.ownership_layers]
    return read_mark(*carriers, *_unwrap(handler.fn), *_list_overridden(handler.fn))


def _list_overridden(function: object) -> Iterator[Mark]:
    """List the marks of the handlers in base classes that a controller's handler overrides."""
    parts = list(_unwrap(function))
    kinds = [type(each) for each in parts if isinstance(each, Controller)]
    name = getattr(parts[-1], "__name__", "")
    for each in (base for kind in kinds for base in kind.__mro__):
        overridden = vars(each).get(name)
        if isinstance(overridden, BaseRouteHandler):
            mark = read_mark((overridden.opt or {}).get(_OPTION), *_unwrap(overridden.fn))
            if mark is not None and not mark.is_public:
                yield mark


def _unwrap(function: object) -> Iterator[object]:
    """Iterate over a handler's function, its Litestar wrappers, and the object it is bound to."""
    while function is not None:
        yield getattr(function, "__self__", None)
        yield function
        function = getattr(function, "__func__", function)
        names = (name for name in _INNER if hasattr(function, name))
        function = next((getattr(function, name) for name in names), None)


def _needs_no_mark(handler: BaseRouteHandler) -> bool:
    """Return whether a handler needs no mark: Litestar's OPTIONS, or a guarded application."""
    function: Any = handler.fn
    if isinstance(function, BearerGuard):
        return True
    named = (getattr(function, "__module__", ""), getattr(function, "__qualname__", ""))
    return named == (HTTPRoute.__module__, _OWN_OPTIONS)


def _walk(app: Litestar) -> Iterator[BaseRouteHandler]:
    """Iterate over the handlers of all routes; one that several routes reach is repeated."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from route.route_handlers
        else:
            yield route.route_handler


def _check_routes(app: Litestar, names: frozenset[str]) -> None:
    handlers = list(_walk(app))
    public = read_public_names(names, (handler.name for handler in handlers))
    list_unmarked(
        handler.name or describe([*_unwrap(handler.fn)][-1])
        for handler in handlers
        if handler.name not in public
        and not _needs_no_mark(handler)
        and _find_mark(handler) is None
    )
