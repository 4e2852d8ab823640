"""
Tokens for Flask: what a view needs, said where the view is declared.

    guard = BearerGuard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))

    @app.get("/decisions/<decision_id>")
    @guard.requires("decisions:read")  # below the route, or the route is left unguarded
    def read(decision_id: str) -> …    # g.claims is what the token says
"""

from __future__ import annotations

from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from flask import Response, g, request

from credicorp_auth.resource.access import ANY_TOKEN, read_scope
from credicorp_auth.resource.guard import Guard
from credicorp_auth.resource.refusal import Answer
from credicorp_auth.resource.wsgi import find_header

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.resource.verifier import Verifier

    View = Callable[..., Any]


class BearerGuard:
    """
    Makes decorators that let requests with a good token through, with `flask.g.claims`.

    Args:
        verifier: Who says whether a token is good: a `TokenVerifier`, a `CredicorpAuth`, ….
        realm: What the service calls itself in challenges.

    Raises:
        InvalidSetting: The realm cannot stand in a header.

    .. versionadded:: 1.0.0
    """

    def __init__(self, verifier: Verifier, *, realm: str = "api") -> None:
        self._guard = Guard(verifier, realm=realm)

    def requires(self, scope: Scope | str = ANY_TOKEN) -> Callable[[View], View]:
        """
        Make a decorator for views, sync or async; it stands below the route.

        Args:
            scope: What the token must be good for; any good token will do when not given.
        """
        required = read_scope(scope)

        def guarded(view: View) -> View:
            guard = self._guard_async if iscoroutinefunction(view) else self._guard_sync
            return guard(view, required)

        return guarded

    def _guard_sync(self, view: View, required: Scope) -> View:
        @wraps(view)
        def come_in(*args: object, **named: object) -> object:
            refusal = _enter(self._guard.admit(required, _find))
            return view(*args, **named) if refusal is None else refusal

        return come_in

    def _guard_async(self, view: View, required: Scope) -> View:
        @wraps(view)
        async def come_in(*args: object, **named: object) -> object:
            refusal = _enter(await self._guard.aadmit(required, _find))
            return await view(*args, **named) if refusal is None else refusal

        return come_in


def _enter(outcome: object) -> Response | None:
    """Keep what the token says for the view; or return what is said instead of the view."""
    if isinstance(outcome, Answer):
        return Response(outcome.body, outcome.status, dict(outcome.headers))
    g.claims = outcome
    return None


def _find(name: str) -> Sequence[str]:
    return find_header(request.environ, name)
