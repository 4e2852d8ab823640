"""
Guard for Flask: marks on views, enforced after routing.

    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))
    guard.install(app, public=("static",))

    @app.get("/decisions/<decision_id>")
    @guard.requires("decisions:read")
    def read(decision_id: str) -> …    # g.claims are the claims of the token
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, g, request

from credicorp_auth.resource import guard as core
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.url_rules import UrlRules
from credicorp_auth.resource.verifier import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask


class Guard(core.Guard[Proof]):
    """
    Verifies the tokens of requests to a Flask application.

    Its arguments are those of `credicorp_auth.resource.Guard`.

    .. versionadded:: 1.0.0
    """

    def install(self, app: Flask, *, public: Iterable[str] = ()) -> UrlRules:
        """
        Enforce the marks of an application's views, before its other `before_request` functions.

        An unmarked view is refused; the first request logs all unmarked views. Put the mark below
        the route, on the function that Flask calls.

        Args:
            app: The application. One that is mounted beside it needs its own guard.
            public: Endpoints that are public on purpose, such as "static"; they must exist.

        Returns:
            The rules; a test can assert that their `list_unmarked()` is empty.

        Raises:
            InvalidSetting: A name does not belong to exactly one rule (`config.public_route`).
        """
        rules = UrlRules(self, app, public)

        def judge() -> Response | None:
            try:
                mark = rules.mark_of(request)
                if mark is not None and mark.scope is not None:
                    g.claims = mark.guard.require(request.headers, mark.scope)
            except Refused as refused:
                return Response(refused.body, refused.status, list(refused.headers))
            return None

        app.before_request_funcs.setdefault(None, []).insert(0, judge)
        return rules
