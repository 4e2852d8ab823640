"""
Guard for aiohttp.web: a middleware that enforces the marks on handlers, behind the router.

    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))

    @routes.get("/decisions/{name}")
    @guard.requires("decisions:read")
    async def read(request): …  # request["credicorp_auth.claims"]

    guard.install(app)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web

from credicorp_auth.resource.guard import CLAIMS_KEY, list_unmarked
from credicorp_auth.resource.guard import Guard as CoreGuard
from credicorp_auth.resource.marks import describe, list_methods, read_mark, read_public_names
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.verifier import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiohttp.typedefs import Handler

    from credicorp_auth.resource.marks import Mark


class Guard(CoreGuard[Proof]):
    """
    Marks handlers; `install` enforces the marks in an application.

    Its arguments are those of `credicorp_auth.resource.Guard`.

    .. versionadded:: 1.0.0
    """

    def install(self, app: web.Application, *, public: Iterable[str] = ()) -> None:
        """
        Enforce the marks on the handlers of an application and of its subapplications.

        A request to an unmarked handler is refused with 403; the application logs such handlers
        when it starts. The router's own 404 and 405 need no token. The guard becomes the first
        middleware. A middleware that is inserted before it later sees requests first.

        Args:
            app: The application, before it starts.
            public: Names of resources that are public on purpose, such as a static one.

        Raises:
            InvalidSetting: When the application starts: a name belongs to no resource or to several
                (`config.public_route`), or a handler is marked by two guards.
        """
        listed = public if isinstance(public, str) else tuple(public)
        names = read_public_names(listed, listed)
        app.middlewares.insert(0, _Enforcer(self, app, names).enforce)


class _Enforcer:
    """Middleware that judges the requests to one application, behind its router."""

    def __init__(self, guard: CoreGuard[Any], app: web.Application, public: frozenset[str]) -> None:
        self._guard, self._names = guard, public
        self._public: frozenset[str] = frozenset()
        app.on_startup.insert(0, self._start)

    async def _start(self, app: web.Application) -> None:
        resources = list(_walk(app))
        self._public = read_public_names(self._names, (each.name for each in resources))
        list_unmarked(
            name
            for resource in resources
            if resource.name not in self._public
            for route in resource
            for name in _list_unmarked(route)
        )

    @web.middleware
    async def enforce(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        info = request.match_info
        if info.http_exception is None:  # otherwise the router itself responds
            try:
                mark = self._find_demand(request, info.route)
                if mark is not None and mark.scope is not None:
                    request[CLAIMS_KEY] = await mark.guard.arequire(request.headers, mark.scope)
            except Refused as refused:
                return _build_response(request, refused)
        return await handler(request)

    def _find_demand(self, request: web.Request, route: web.AbstractRoute) -> Mark | None:
        """Find the mark of a request; None for a public route. Raises `Refused` if unmarked."""
        mark = _find_mark(route.handler, request.method)
        if mark is None and route.name not in self._public:
            raise self._guard.refuse_unmarked(request.headers)
        return mark


def _walk(app: web.Application) -> Iterator[web.AbstractResource]:
    """Iterate over the resources of an application and of its subapplications."""
    for resource in app.router.resources():
        below = resource.get_info().get("app")
        if below is None:
            yield resource
        else:
            yield from _walk(below)


def _find_mark(handler: object, method: str) -> Mark | None:
    """Find the mark of a handler for a method; the marks of a view and its method add up."""
    if isinstance(handler, type):
        return read_mark(handler, *list_methods(handler, method.lower()))
    return read_mark(handler)


def _list_unmarked(route: web.AbstractRoute) -> list[str]:
    handler: Any = route.handler
    of_view = sorted(hdrs.METH_ALL) if isinstance(handler, type) else []
    methods = [method for method in of_view if hasattr(handler, method.lower())]
    if not methods:
        return [] if read_mark(handler) else [describe(handler)]
    return [
        f"{describe(handler)}.{method.lower()}"
        for method in methods
        if _find_mark(handler, method) is None
    ]


def _build_response(request: web.Request, refused: Refused) -> web.Response:
    body = b"" if request.method == hdrs.METH_HEAD else refused.body
    return web.Response(body=body, status=refused.status, headers=dict(refused.headers))
