"""Routes of a Django URLconf, with their views, marks and public names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from django.urls import URLResolver
from django.views import View

from credicorp_auth.resource.marks import (
    describe,
    list_methods,
    read_mark,
    read_public_names,
    strip_partial,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from credicorp_auth.resource.marks import Mark

    Callback = Callable[..., Any]

guarded_elsewhere: Final[list[Callable[[Any], bool]]] = []
"""Predicates for views that refuse requests themselves; `drf` adds Django REST framework's."""


def is_guarded_elsewhere(view: Callback) -> bool:
    """Return whether a view refuses requests itself."""
    return any(covers(view) for covers in guarded_elsewhere)


_OPTIONS: Final = frozenset({"__init__", "setup", "dispatch", "options"})
"""The methods of a class that run for an OPTIONS request."""
PASSES_ON: Final = "__credicorp_passes_on__"
"""Attribute of a `dispatch` that only calls Django's."""


@frozen
class Route:
    """
    Route of a URLconf.

    Args:
        name: Its name with its namespaces, such as `admin:index`; None if it has no name.
        namespaces: Each namespace that contains it, with a colon at the end: `admin:`.
        view: The view.
    """

    name: str | None
    namespaces: tuple[str, ...]
    view: Any


def list_routes(resolver: Any) -> list[Route]:  # noqa: ANN401 - Django has no types
    """List all routes below a resolver."""
    return list(_walk(resolver, ()))


def _walk(resolver: Any, above: tuple[str, ...]) -> Iterator[Route]:  # noqa: ANN401 - see above
    within = above[-1] if above else ""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            named = f"{within}{pattern.namespace}:" if pattern.namespace else None
            yield from _walk(pattern, (*above, named) if named else above)
        else:
            name = f"{within}{pattern.name}" if pattern.name else None
            yield Route(name, above, pattern.callback)


def find_public_views(
    public: Iterable[str], routes: Iterable[Route], namespaces: Iterable[str]
) -> Mapping[str, list[object]]:
    """
    Find the views of the routes that are public by name.

    Args:
        public: Names of routes, and namespaces with a colon at the end.
        routes: All routes.
        namespaces: Each namespace as often as it is included.

    Raises:
        InvalidSetting: A name or namespace belongs to no route or to several
            (`config.public_route`).
    """
    listed = list(routes)
    names = read_public_names(public, [*(route.name for route in listed), *namespaces])
    return {
        name: [each.view for each in listed if name == each.name or name in each.namespaces]
        for name in names
    }


def list_namespaces(resolver: Any, within: str = "") -> list[str]:  # noqa: ANN401 - see above
    """List each namespace below a resolver, as often as it is included."""
    found: list[str] = []
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            own = f"{within}{pattern.namespace}:" if pattern.namespace else within
            found += [own] if pattern.namespace else []
            found += list_namespaces(pattern, own)
    return found


def find_mark(view: Callback, method: str) -> Mark | None:
    """Find the mark of a view for a method; marks of function, class and method add up."""
    kind = find_class(view)
    if kind is None:
        return read_mark(view)
    return read_mark(view, kind, *list_methods(kind, _name_method(view, kind, method)))


def find_class(view: Callback) -> type | None:
    """Return the class behind a view that `as_view()` made; None if it is a function."""
    made = strip_partial(view)
    kind = getattr(made, "view_class", None) or getattr(made, "cls", None)
    return kind if isinstance(kind, type) else None


def _name_method(view: Callback, kind: type, method: str) -> str:
    """
    Return the name of the function that handles a method, as `actions` of view sets map it.

    It does not check whether the view offers the method: `as_view()` may offer more than the class.
    """
    actions = getattr(strip_partial(view), "actions", None) or {}
    name = method.lower()
    if name == "head" and name not in actions and not hasattr(kind, name):
        name = "get"  # as Django and Django REST framework do
    return str(actions.get(name, name))


def has_own_options(view: Callback) -> bool:
    """Return whether OPTIONS of a view is Django's own, which runs no code of the application."""
    kind: Any = find_class(view)
    if kind is None or not issubclass(kind, View) or hasattr(view, "__wrapped__"):
        return False
    run = [vars(each)[name] for each in kind.__mro__[:-1] for name in _OPTIONS & vars(each).keys()]
    return all(each in vars(View).values() or hasattr(each, PASSES_ON) for each in run)


def list_unmarked_views(routes: Iterable[Route], public: Mapping[str, list[object]]) -> list[str]:
    """List the views, or methods of views, that are neither marked nor public by name."""
    found: list[str] = []
    for route in routes:
        by_name = {*route.namespaces, route.name} & public.keys()
        if not by_name and not is_guarded_elsewhere(route.view):
            found += _list_unmarked_methods(route.view)
    return found


def _list_unmarked_methods(view: Callback) -> list[str]:
    kind: Any = find_class(view)
    if kind is None:
        return [] if read_mark(view) else [describe(view)]
    methods = getattr(strip_partial(view), "actions", None) or [
        name
        for name in kind.http_method_names
        if getattr(kind, name, View.options) is not View.options  # inherited by every view
    ]
    if not methods:  # its own `dispatch` is its only handler
        return [] if read_mark(view, kind) else [describe(kind)]
    return [f"{describe(kind)}.{name}" for name in methods if find_mark(view, name) is None]
