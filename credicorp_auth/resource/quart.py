"""
Guard for Quart: marks on views, enforced after routing.

    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))
    guard.install(app, public=("static",))

    @app.get("/decisions/<decision_id>")
    @guard.requires("decisions:read")
    async def read(decision_id: str) -> …    # g.claims are the claims of the token
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quart import Response, g, request, websocket

from credicorp_auth.resource import guard as core
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.url_rules import UrlRules
from credicorp_auth.resource.verifier import Proof

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quart import Quart


class Guard(core.Guard[Proof]):
    """
    Verifies the tokens of requests to a Quart application, and of WebSocket handshakes.

    Its arguments are those of `credicorp_auth.resource.Guard`.

    .. versionadded:: 1.0.0
    """

    def install(self, app: Quart, *, public: Iterable[str] = ()) -> UrlRules:
        """
        Enforce the marks of an application's views, before its other `before_request` functions.

        An unmarked view is refused; start-up, or the first request, logs all unmarked views. Put
        the mark below the route, on the function that Quart calls.

        Args:
            app: The application.
            public: Endpoints that are public on purpose, such as "static"; they must exist.

        Returns:
            The rules; a test can assert that their `list_unmarked()` is empty.

        Raises:
            InvalidSetting: A name does not belong to exactly one rule (`config.public_route`).
        """
        rules = UrlRules(self, app, public)

        async def judge(connection: Any) -> Response | None:  # noqa: ANN401 - of two kinds
            try:
                mark = rules.mark_of(connection)
                if mark is not None and mark.scope is not None:
                    g.claims = await mark.guard.arequire(connection.headers, mark.scope)
            except Refused as refused:
                return Response(refused.body, refused.status, dict(refused.headers))
            return None

        async def judge_request() -> Response | None:
            return await judge(request)

        async def judge_handshake() -> Response | None:
            return await judge(websocket)

        app.before_serving(rules.list_once)
        app.before_request_funcs[None].insert(0, judge_request)
        app.before_websocket_funcs[None].insert(0, judge_handshake)
        return rules
