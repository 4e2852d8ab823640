"""Marks of views behind Werkzeug's URL rules, for Flask and Quart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource.guard import list_unmarked, log_unchecked
from credicorp_auth.resource.marks import (
    Mark,
    describe,
    list_methods,
    read_mark,
    read_public_names,
    strip_partial,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credicorp_auth.resource.guard import Guard

_PASSED: Final = "OPTIONS"


class UrlRules:
    """
    Finder of the mark for the view that the router has chosen.

    Args:
        guard: The guard that marks the endpoints in `public`.
        app: The application.
        public: Names of endpoints that are public on purpose.

    Raises:
        InvalidSetting: A name does not belong to exactly one rule (`config.public_route`).
    """

    def __init__(self, guard: Guard[Any], app: Any, public: Iterable[str]) -> None:  # noqa: ANN401 - of two kinds
        names = read_public_names(public, [rule.endpoint for rule in app.url_map.iter_rules()])
        self._guard, self._app, self._public = guard, app, Mark(guard, None)
        # A view that later replaces a public one is not public.
        self._views = {name: app.view_functions[name] for name in names}
        self._listed = False

    def mark_of(self, request: Any) -> Mark | None:  # noqa: ANN401 - of two frameworks
        """
        Return the mark by which a request is judged; None if the framework itself responds.

        Raises:
            Refused: The view is not marked, or its marks conflict (`guard.unmarked`).
        """
        self.list_once()
        if self._passes(request):
            return None
        mark = self._find(request)
        if mark is None:
            raise self._guard.refuse_unmarked(request.headers)
        return mark

    def _passes(self, request: Any) -> bool:  # noqa: ANN401 - see above
        """Return whether the framework itself responds: no rule, or its automatic OPTIONS."""
        rule = request.url_rule
        return rule is None or (
            getattr(request, "method", None) == _PASSED
            and bool(getattr(rule, "provide_automatic_options", False))
        )

    def _find(self, request: Any) -> Mark | None:  # noqa: ANN401 - see above
        """Return the mark of a request's view; None if there is none, or marks conflict."""
        method = str(getattr(request, "method", "GET"))
        try:
            return self._read(request.url_rule.endpoint, method)
        except InvalidSetting as error:
            log_unchecked(error)
            return None

    def _read(self, endpoint: str, method: str) -> Mark | None:
        view = self._app.view_functions.get(endpoint)
        if view is not None and self._views.get(endpoint) is view:
            return self._public
        kind = getattr(strip_partial(view), "view_class", None)
        return read_mark(view, kind, *_list_methods(kind, method.lower()))

    def list_unmarked(self) -> list[str]:
        """
        List all views that are neither marked nor public; a test can assert that it is empty.

        Raises:
            InvalidSetting: The marks of a view conflict (`config.mark`).
        """
        found: set[str] = set()
        for rule in self._app.url_map.iter_rules():
            skipped = {"HEAD", _PASSED} if rule.provide_automatic_options else {"HEAD"}
            for method in (rule.methods or {"GET"}) - skipped:
                if self._read(rule.endpoint, method) is None:
                    view = self._app.view_functions.get(rule.endpoint)
                    kind = getattr(strip_partial(view), "view_class", view)
                    own = getattr(kind, method.lower(), None) or kind
                    found.add(f"{rule.endpoint} ({describe(own)})")
        return sorted(found)

    def list_once(self) -> None:
        """Log all unmarked views in one warning, once."""
        if not self._listed:
            self._listed = True
            try:
                list_unmarked(self.list_unmarked())
            except InvalidSetting as error:
                log_unchecked(error)


def _list_methods(kind: object, method: str) -> Iterator[object]:
    """Iterate over the handlers of a class-based view's method, each within the one before."""
    if method == "head" and not hasattr(kind, method):
        method = "get"
    yield from list_methods(kind, "dispatch_request")
    yield from list_methods(kind, method)
