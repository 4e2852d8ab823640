"""Sandbox object: an authorization server, a partner API and their switches."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Self

from flask import Flask, g, request

from credicorp_auth_testing.sandbox.authorization import add_authorization_server
from credicorp_auth_testing.sandbox.control import add_control
from credicorp_auth_testing.sandbox.gate import Gate
from credicorp_auth_testing.sandbox.partner_api import Refusal, add_partner_api
from credicorp_auth_testing.sandbox.server import LoopbackServer
from credicorp_auth_testing.sandbox.state import SandboxState

if TYPE_CHECKING:
    from types import TracebackType

    from flask import Response

    from credicorp_auth_testing.sandbox.settings import SandboxSettings


class Sandbox(SandboxState):
    """
    A partner API on loopback, with its authorization server.

        with Sandbox() as sandbox:
            auth = CredicorpAuth(
                base_url=sandbox.base_url,
                client_id=sandbox.client_id,
                client_secret=sandbox.client_secret,
            )

    Args:
        settings: The initial settings.

    .. versionadded:: 1.0.0
    """

    def __init__(self, settings: SandboxSettings | None = None) -> None:
        super().__init__(settings)
        app = Flask("credicorp_auth_sandbox")
        self._server = LoopbackServer(self.settings.port, Gate(self, app))
        self._locate(self._server.server_port)
        self._assemble(app)

    def _assemble(self, app: Flask) -> None:
        @app.before_request
        def admit() -> None:
            g.request_id = f"req_{uuid.uuid4().hex}"
            token_plane = "/oauth/" in request.path
            g.bucket = self.token_bucket if token_plane else self.api_bucket
            if not request.path.startswith("/_sandbox") and not g.bucket.take():
                self.counters.add("token_429" if token_plane else "api_429")
                raise Refusal(429, "rate_limit_error", "rate_limited", "too many requests")

        @app.after_request
        def label(response: Response) -> Response:
            response.headers["Credicorp-Request-Id"] = g.request_id
            response.headers.update(g.bucket.headers())
            if response.status_code == 429:  # noqa: PLR2004 - the status that Retry-After goes with
                response.headers["Retry-After"] = "1"
            return response

        add_authorization_server(app, self)
        add_partner_api(app, self)
        add_control(app, self)

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
