"""Transport without a network: grants every token request."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from credicorp_auth.auth import CredicorpAuth
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth.settings.schema import Settings
from credicorp_auth_testing.scripted_runtime import response, token_response

if TYPE_CHECKING:
    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.http.messages import HttpRequest, HttpResponse


class EchoTransport:
    """
    A transport that responds in place of an authorization server, without opening a socket.

    The tokens are `offline-1`, `offline-2` and so on, with the requested scope. Requests for
    anything but a token get a 404.

    Args:
        expires_in: Lifetime of each token in seconds.

    .. versionadded:: 1.0.0
    """

    capabilities = TransportCapabilities(total_deadline=True)

    def __init__(self, *, expires_in: float = 3600.0) -> None:
        self.expires_in = expires_in
        self.mints = 0
        self._guard = Lock()

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:  # noqa: ARG002 - it takes no time
        """Grant the requested token."""
        asked = parse_qs((request.wire_body() or b"").decode())
        if "grant_type" not in asked:
            return response(404)
        with self._guard:
            self.mints += 1
            number = self.mints
        scope = {"scope": asked["scope"][0]} if "scope" in asked else {}
        return token_response(f"offline-{number}", expires_in=self.expires_in, **scope)

    def close(self) -> None:
        """Do nothing: no connection is open."""

    def after_fork(self) -> None:
        """Create a new lock, since a thread of the parent may hold the old one."""
        self._guard = Lock()


def build_offline(*, clock: Clock | None = None, **settings: Any) -> CredicorpAuth:
    """
    Build a `CredicorpAuth` that needs neither network nor secret.

    Args:
        clock: The clocks, such as a `MovableClock`; default: the clocks of the machine.
        **settings: See `Settings`; missing ones get dummy values.
    """
    made_up: dict[str, Any] = {
        "client_id": "offline",
        "client_secret": "offline",
        "transport": EchoTransport(),
    }
    return CredicorpAuth.from_settings(Settings(**(made_up | settings)), clock=clock)
