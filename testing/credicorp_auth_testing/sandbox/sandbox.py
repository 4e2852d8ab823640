"""Sandbox object: an authorization server, a partner API and their switches."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Self

from flask import Flask, g, request

from credicorp_auth_testing.sandbox.authorization import BASE_PATH, add_authorization_server
from credicorp_auth_testing.sandbox.clients import Clients, SandboxClient
from credicorp_auth_testing.sandbox.control import add_control
from credicorp_auth_testing.sandbox.counters import Counters
from credicorp_auth_testing.sandbox.gate import Gate
from credicorp_auth_testing.sandbox.keys import EncryptionKeyRing
from credicorp_auth_testing.sandbox.partner_api import Refusal, add_partner_api
from credicorp_auth_testing.sandbox.rate_limit import TokenBucket
from credicorp_auth_testing.sandbox.server import LoopbackServer
from credicorp_auth_testing.sandbox.settings import SandboxSettings
from credicorp_auth_testing.sandbox.switches import Switches
from credicorp_auth_testing.sandbox.tokens import IssuedTokens

if TYPE_CHECKING:
    from types import TracebackType

    from flask import Response


class Sandbox:
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
        self.settings = settings = settings or SandboxSettings()
        self.client_id = settings.client_id
        self.client_secret = settings.client_secret
        self.client = SandboxClient(settings.client_id, settings.client_secret, settings.scopes)
        self.clients = Clients(self.client)
        self.keys = EncryptionKeyRing(settings.algorithm)
        self.tokens = IssuedTokens()
        self.counters = Counters()
        self.switches = Switches(settings)
        self.token_bucket = TokenBucket(settings.token_rate, settings.token_burst)
        self.api_bucket = TokenBucket(settings.api_rate, settings.api_burst)
        self.control_key = secrets.token_urlsafe(24)
        app = Flask("credicorp_auth_sandbox")
        self._server = LoopbackServer(settings.port, Gate(self, app))
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        self.base_url = f"{self.issuer}{BASE_PATH}"
        self.token_url = f"{self.base_url}/oauth/token"
        self.jwks_url = f"{self.base_url}/oauth/jwks"
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
