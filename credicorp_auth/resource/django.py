"""
Guard for Django: a middleware that enforces the marks on views, behind the URL resolver.

    # service/guards.py
    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))

    # service/settings.py
    CREDICORP_AUTH_GUARD = guard
    MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "credicorp_auth.resource.django.GuardMiddleware",
        …
    ]

    # service/views.py
    @guard.requires("decisions:read")
    def read(request, name): …  # request.claims
"""

from __future__ import annotations

from functools import update_wrapper
from inspect import isclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.checks import register
from django.http import HttpResponse
from django.urls import resolve
from django.utils.cache import patch_cache_control

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource.django_checks import (
    EnforcingMiddleware,
    check_default_permission,
    check_order,
    check_views,
    examine_routes,
    read_guard,
)
from credicorp_auth.resource.django_views import (
    PASSES_ON,
    find_mark,
    has_own_options,
    is_guarded_elsewhere,
)
from credicorp_auth.resource.guard import Guard as CoreGuard
from credicorp_auth.resource.guard import list_unmarked
from credicorp_auth.resource.marks import read_public_names
from credicorp_auth.resource.refusal import Refused, build_challenge
from credicorp_auth.resource.verifier import Proof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from credicorp_auth.resource.django_views import Callback
    from credicorp_auth.resource.marks import Mark
    from credicorp_auth.resource.scope import RequiredScope
    from credicorp_auth.resource.verifier import Verifier

Handler = TypeVar("Handler")


class Guard(CoreGuard[Proof]):
    """
    Marks views; `GuardMiddleware` enforces the marks. One guard serves a project.

    Args:
        verifier: Verifies tokens: a `TokenVerifier`, a `CredicorpAuth`, ….
        realm: The service's name in challenges.
        public: Names of other routes that are public on purpose: `"admin:index"`, or a whole
            namespace with a colon at the end: `"admin:"`.

    Raises:
        InvalidSetting: The realm is not valid in a header.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, verifier: Verifier[Proof], *, realm: str = "api", public: Iterable[str] = ()
    ) -> None:
        super().__init__(verifier, realm=realm)
        self.challenge = build_challenge(realm, {})
        listed = public if isinstance(public, str) else tuple(public)
        self.public_names = read_public_names(listed, listed)

    def requires(self, scope: RequiredScope) -> Callable[[Handler], Handler]:
        """
        Make a decorator that marks a view, and exempts it from the CSRF check.

        The exemption is safe: another site cannot forge a request that needs an `Authorization`
        header.

        Args:
            scope: The scope that a token must cover; `ANY_SCOPE` for any valid token.

        Raises:
            InvalidSetting: See `Guard.requires` of `credicorp_auth.resource`.
        """
        mark: Callable[[Any], Any] = super().requires(scope)

        def mark_exempt(view: Handler) -> Handler:
            _exempt_from_csrf(mark(view))
            return view

        return mark_exempt


def _exempt_from_csrf(view: Any) -> None:  # noqa: ANN401 - any kind of view
    if not isclass(view):
        getattr(view, "__func__", view).csrf_exempt = True
        return
    kind: Any = view
    own = vars(kind).get("dispatch")

    def dispatch(self: Any, *args: object, **named: object) -> object:  # noqa: ANN401 - a view
        found = super(kind, self).dispatch if own is None else own.__get__(self)
        passed_on: object = found(*args, **named)
        return passed_on

    # Wrapped, because `own` may be the `dispatch` of other classes as well.
    kind.dispatch = dispatch if own is None else update_wrapper(dispatch, own)
    if own is None:
        setattr(dispatch, PASSES_ON, True)
    kind.dispatch.csrf_exempt = True  # `as_view()` copies it to the view


class GuardMiddleware(EnforcingMiddleware):
    """
    Refuses requests to unmarked views, and requests without the token that the view requires.

    It judges the view that the URL resolver has found. So `SCRIPT_NAME`, `FORCE_SCRIPT_NAME` and
    `root_path` do not matter. The view finds the claims as `request.claims`: None if it is public.

    Args:
        get_response: The rest of the project.

    Raises:
        InvalidSetting: `CREDICORP_AUTH_GUARD` holds no guard (`config.django_guard`), the
            middleware is not listed between the two of Django's cache (`config.django_order`), or a
            public name belongs to no route or to several (`config.public_route`).

    .. versionadded:: 1.0.0
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response, self._guard = get_response, read_guard()
        self.process_view: Callable[..., Any] = self._judge
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.process_view = self._ajudge
        for error in check_order():
            raise InvalidSetting(error.msg, code="config.django_order", hint=error.hint)
        self._public, unmarked = examine_routes()
        list_unmarked(unmarked)

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - Django's values
        """
        Pass a request on; `process_view` judges it once its view is known.

        Django's site-wide cache responds before that, also with what `cache_page` has stored. Such
        a response is judged here.
        """
        if iscoroutinefunction(self):
            return self._acall(request)
        response = self._get_response(request)
        if _is_cached(request):
            match = _find_view(request)
            response = self._judge(request, *match) or _ask_again(request, match) or response
        return _keep_private(request, response)

    async def _acall(self, request: Any) -> Any:  # noqa: ANN401 - see above
        response = await self._get_response(request)
        if _is_cached(request):
            match = _find_view(request)
            ask_again = sync_to_async(_ask_again, thread_sensitive=True)
            refusal = await self._ajudge(request, *match)
            response = refusal or await ask_again(request, match) or response
        return _keep_private(request, response)

    def _judge(self, request: Any, view: Callback, _args: object, _named: object) -> Any:  # noqa: ANN401 - see above
        try:
            mark = self._find_demand(request, view)
            if mark is not None and mark.scope is not None:
                request.claims = mark.guard.require(request.headers, mark.scope)
        except Refused as refused:
            return _build_response(request, refused)
        return None

    async def _ajudge(self, request: Any, view: Callback, _args: object, _named: object) -> Any:  # noqa: ANN401 - see above
        try:
            mark = self._find_demand(request, view)
            if mark is not None and mark.scope is not None:
                request.claims = await mark.guard.arequire(request.headers, mark.scope)
        except Refused as refused:
            return _build_response(request, refused)
        return None

    def _find_demand(self, request: Any, view: Callback) -> Mark | None:  # noqa: ANN401 - see above
        """Find the mark of a request; None for a public view. Raises `Refused` if unmarked."""
        request.claims, request.credicorp_judged = None, True
        if request.method == "OPTIONS" and has_own_options(view):
            return None
        mark = find_mark(view, request.method)
        if (
            mark is None
            and not self._is_public(request.resolver_match, view)
            and not is_guarded_elsewhere(view)
        ):
            raise self._guard.refuse_unmarked(request.headers)
        return mark

    def _is_public(self, match: Any, view: Callback) -> bool:  # noqa: ANN401 - see above
        """Return whether a route is public by name and by view, since names may be reused."""
        within = [f"{name}:" for name in accumulate(match.namespaces, "{}:{}".format)]
        names = (match.view_name, *within)
        return any(view is each for name in names for each in self._public.get(name, ()))


def _build_response(request: Any, refused: Refused) -> HttpResponse:  # noqa: ANN401 - see above
    body = b"" if request.method == "HEAD" else refused.body
    return HttpResponse(body, status=refused.status, headers=dict(refused.headers))


def _is_cached(request: Any) -> bool:  # noqa: ANN401 - see above
    """Return whether Django's site-wide cache has responded, so that no view was judged."""
    # The attribute is Django's. It is false after a hit, and for methods that are never cached.
    hit = request.method in {"GET", "HEAD"} and not getattr(request, "_cache_update_cache", True)
    return hit and not hasattr(request, "credicorp_judged")


def _find_view(request: Any) -> tuple[Callback, Any, Any]:  # noqa: ANN401 - see above
    """Find view and arguments of a request, as Django does behind its middleware."""
    request.resolver_match = resolve(request.path_info, getattr(request, "urlconf", None))
    view, arguments, named = request.resolver_match
    return view, arguments, named


def _ask_again(request: Any, match: tuple[Callback, Any, Any]) -> Any:  # noqa: ANN401 - see above
    """Have a view that refuses requests itself respond in place of a cache; None for others."""
    view, arguments, named = match
    if not is_guarded_elsewhere(view):
        return None
    response = view(request, *arguments, **named)
    return response.render() if hasattr(response, "render") else response


def _keep_private(request: Any, response: Any) -> Any:  # noqa: ANN401 - see above
    """Mark the response private: Django's cache, in front of the guard, must not store it."""
    if getattr(request, "claims", None) is not None:
        patch_cache_control(response, private=True)
    return response


for check in (check_default_permission, check_order, check_views):
    register(check, "credicorp_auth")
