"""Routes of a Starlette or FastAPI application, checked once and judged behind the router."""

from __future__ import annotations

from inspect import isclass
from operator import is_
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Host, Mount, Router

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource.asgi import BearerGuard, allows
from credicorp_auth.resource.guard import list_unmarked
from credicorp_auth.resource.marks import (
    Mark,
    describe,
    list_methods,
    read_mark,
    read_public_names,
    strip_partial,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from credicorp_auth.resource.asgi import AsgiApp, Connection, Receive, Send
    from credicorp_auth.resource.guard import Guard

    _Watched = tuple[Any, str, tuple[Any, ...]]
    FindDemand = Callable[[Connection], "Demand"]

CHECK: Final = "__credicorp_check__"
"""Name of the attribute that holds the check of an application's guard."""

_METHODS: Final = ("get", "head", "post", "put", "patch", "delete", "options", "query")
# FastAPI keeps the routes of `frontend()` in a separate list.
_LISTS: Final = ("routes", "_low_priority_routes")


@frozen
class Demand:
    """
    Marks that a route requires.

    Args:
        mark: The mark for all methods that are not in `methods`; None refuses.
        methods: The marks of a class's own methods, by name.
        below: Whether the routes below this one are judged instead.
    """

    mark: Mark | None = None
    methods: dict[str, Mark | None] = field(factory=dict[str, "Mark | None"])
    below: bool = False

    def find(self, connection: Connection) -> Mark | None:
        """Return the mark for a connection; HEAD counts as GET unless it has its own method."""
        method = str(connection.get("method", "GET")).lower()
        if method == "head" and method not in self.methods:
            method = "get"
        return self.methods.get(method, self.mark)


_REFUSED: Final = Demand()
_BELOW: Final = Demand(below=True)


class CheckedRoutes:
    """
    Hooks itself behind the router, and refuses every route that the check has not seen.

    Args:
        guard: The guard that marks the routes in `public`, and refuses unmarked routes.
        router: The application's router.
        public: Names of routes that are public on purpose.

    Raises:
        InvalidSetting: A route is neither marked nor wrapped nor public (`guard.unmarked`); a name
            does not belong to exactly one route (`config.public_route`); or marks conflict
            (`config.mark`).
    """

    def __init__(self, guard: Guard[Any], router: Any, public: Iterable[str]) -> None:  # noqa: ANN401 - private parts of it are read
        self._guard, self._public = guard, frozenset(public)
        self._names: list[str] = []
        self._unmarked: list[str] = []
        self._known: dict[int, object] = {}  # by identity; kept alive so that no id is reused
        self._walk(router, "", ())
        read_public_names(public, self._names)
        if self._unmarked:
            list_unmarked(self._unmarked)
            raise InvalidSetting(
                f"{len(self._unmarked)} routes are not marked: {', '.join(self._unmarked)}",
                code="guard.unmarked",
                hint="mark each by `guard.requires(…)` or `guard.public`, or name it in `public`.",
            )

    def _walk(self, router: Any, prefix: str, above: tuple[Any, ...]) -> None:  # noqa: ANN401
        """Hook the routes of a router and of all routers below; the marks `above` apply to each."""
        watched = self._watch(router, above)
        for route in watched[0][2]:
            if _is_included(route):
                self._hook(route, self._include(route, prefix, above))
            else:
                self._names.append(name := f"{prefix}{getattr(route, 'name', None) or ''}")
                self._hook(route, _while_unchanged(route, self._read(route, name, above)))
        if router.default != router.not_found:
            demand = Demand(self._note(read_mark(*above, router.default), f"{prefix}default"))
            router.default = self._judged(router.default, _always(demand))
        default, serve = router.default, router.middleware_stack

        async def refuse_late(scope: Connection, receive: Receive, send: Send) -> None:
            self._refuse_late(watched)
            if router.default is not default:
                router.default = self._judged(router.default, _always(_REFUSED))
            await serve(scope, receive, send)

        router.middleware_stack = refuse_late

    def _watch(self, router: Any, above: tuple[Any, ...]) -> list[_Watched]:  # noqa: ANN401
        """Record the routes of a router and of its included routers; hook FastAPI's frontends."""
        watched = [(router, name, tuple(getattr(router, name, ()))) for name in _LISTS]
        self._known.update((id(each), each) for _, _, known in watched for each in known)
        for frontend in watched[1][2]:
            self._hook(frontend, _always(self._read(frontend, "", above)))
        for route in watched[0][2]:
            if _is_included(route):
                watched += self._watch(route.original_router, above)
        if hasattr(router, "_mark_routes_changed"):
            router._mark_routes_changed()  # noqa: SLF001 - routes derived before are not hooked
        return watched

    def _refuse_late(self, watched: list[_Watched]) -> None:
        """Refuse routes that were added since the check; the router reads its list right after."""
        for place, (owner, name, known) in enumerate(watched):
            routes = getattr(owner, name, ())
            if len(routes) != len(known) or not all(map(is_, routes, known)):
                for late in routes:
                    if id(late) not in self._known:
                        self._hook(late, _always(_REFUSED))
                watched[place] = (owner, name, tuple(routes))

    def _hook(self, route: Any, find: FindDemand) -> None:  # noqa: ANN401 - of any kind
        # Routers call `handle` of the matched route; FastAPI also of the route it derives others
        # from.
        route.handle = self._judged(route.handle, find)

    def _judged(self, app: AsgiApp, find: FindDemand) -> AsgiApp:
        async def judge(scope: Connection, receive: Receive, send: Send) -> None:
            demand = find(scope)
            if demand.below or await allows(demand.find(scope), self._guard, scope, receive, send):
                await app(scope, receive, send)

        return judge

    def _read(self, route: Any, name: str, above: tuple[Any, ...]) -> Demand:  # noqa: ANN401
        """Read the demand of a route, and walk the routers below it."""
        if name in self._public or isinstance(getattr(route, "app", None), BearerGuard):
            above = (*above, Mark(self._guard, None))
        if isinstance(route, Mount | Host):
            return self._read_mount(route, name, above)
        endpoint = getattr(route, "endpoint", None)
        parts = (*above, *_list_dependencies(getattr(route, "dependant", None)), endpoint)
        label = describe(endpoint) if endpoint is not None else name or repr(route)
        return self._read_endpoint(endpoint, label, parts)

    def _read_mount(self, mount: Mount | Host, name: str, above: tuple[Any, ...]) -> Demand:
        apps = list(_unwrap(mount))
        wrapped = any(isinstance(each, BearerGuard) for each in apps)
        above = (*above, *apps, *([Mark(self._guard, None)] if wrapped else []))
        checks: list[Any] = [vars(each)[CHECK] for each in apps if CHECK in _attributes(each)]
        if checks:
            checks[0].run()  # by its own guard, which owns these routes
            mark = read_mark(*above)
            return _BELOW if mark is None else Demand(mark)
        if isinstance(apps[-1], Router):
            self._walk(apps[-1], f"{name}:" if mount.name else name, above)
            return _BELOW
        return Demand(self._note(read_mark(*above), name or repr(mount)))

    def _read_endpoint(self, endpoint: Any, label: str, parts: tuple[Any, ...]) -> Demand:  # noqa: ANN401
        mark, endpoint = read_mark(*parts), strip_partial(endpoint)
        if not isclass(endpoint) or not issubclass(endpoint, HTTPEndpoint):
            return Demand(self._note(mark, label))
        handlers = {name: list(list_methods(endpoint, name)) for name in dir(endpoint)}
        marks = {
            name: self._note(read_mark(*parts, *found), f"{label}.{name}")
            for name, found in handlers.items()
            if name in _METHODS or read_mark(*found) is not None
        }
        return Demand(mark, marks)

    def _note(self, mark: Mark | None, label: str) -> Mark | None:
        if mark is None:
            self._unmarked.append(label)
        return mark

    def _include(self, included: Any, prefix: str, above: tuple[Any, ...]) -> FindDemand:  # noqa: ANN401
        """Check the routes that FastAPI derives from an included router, for this inclusion."""
        demands: dict[int, tuple[object, Demand]] = {}

        def read(context: Any) -> Demand:  # noqa: ANN401 - FastAPI's, and private
            # A mount stays the same if its context is derived again, and was walked before.
            original = context.original_route
            key = original if isinstance(original, Mount | Host) else context
            if id(key) not in demands and id(original) in self._known:
                leaf = context.starlette_route or context
                self._names.append(name := f"{prefix}{leaf.name or ''}")
                demands[id(key)] = key, self._read(leaf, name, above)
            return demands.get(id(key), (None, _REFUSED))[1]

        def find(scope: Connection) -> Demand:
            route, context = included, None
            while _is_included(route):
                # FastAPI selects the route by the same call.
                _, _, route, context = route._match(scope)  # noqa: SLF001
            return _REFUSED if context is None else read(context)

        for context in _list_contexts(included):
            read(context)
        return find


def _always(demand: Demand) -> FindDemand:
    return lambda _: demand


def _while_unchanged(route: Any, demand: Demand) -> FindDemand:  # noqa: ANN401 - of any kind
    """Find the demand of a mount; refuse once its applications differ from the checked ones."""
    if not isinstance(route, Mount | Host):
        return _always(demand)
    checked = list(_unwrap(route))

    def find(_: Connection) -> Demand:
        apps = list(_unwrap(route))
        same = len(apps) == len(checked) and all(map(is_, apps, checked))
        return demand if same else _REFUSED

    return find


def _list_contexts(included: Any) -> Iterator[Any]:  # noqa: ANN401 - FastAPI's, and private
    for candidate in included.effective_candidates():
        if _is_included(candidate):
            yield from _list_contexts(candidate)
        else:
            yield candidate


def _is_included(route: object) -> bool:
    return hasattr(route, "original_router") and hasattr(route, "effective_candidates")


def _unwrap(route: Any) -> Iterator[Any]:  # noqa: ANN401 - a mount or a wrapper of an application
    """Iterate over the applications of a mount, outermost first; a router comes last."""
    app = route.app
    while app is not None:
        yield app
        if isinstance(app, Starlette):
            yield app.router
            return
        app = None if isinstance(app, Router) else getattr(app, "app", None)


def _attributes(app: object) -> dict[str, Any]:
    return getattr(app, "__dict__", {})


def _list_dependencies(dependant: Any) -> Iterator[Any]:  # noqa: ANN401 - FastAPI's
    for each in getattr(dependant, "dependencies", ()):
        yield each.call
        yield from _list_dependencies(each)
