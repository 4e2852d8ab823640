"""Session of one fetch from Vault: deadline, retry budget, and hvac on our own sockets."""

from __future__ import annotations

import json
import time
from random import SystemRandom
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hvac import Client
from hvac.adapters import Adapter

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth_vault.failure import build_away, is_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_vault.response import VaultResponse
    from credicorp_auth_vault.server import VaultServer


class WireAdapter(Adapter):  # type: ignore[misc] # hvac is not typed
    """
    hvac adapter that sends requests through our transport, not through a requests session.

    A requests session follows redirects with the token, has no total timeout, and reads netrc and
    the environment. Its exceptions hold the request. hvac supplies Vault's paths and bodies, and
    our transport sends them.

    Args:
        url: URL of Vault.
        carry: Sends method, path with query, and body, and returns the response.
    """

    def __init__(
        self, url: str, carry: Callable[[str, str, SecretBytes | None], VaultResponse]
    ) -> None:
        super().__init__(base_uri=url, allow_redirects=False)
        self._carry = carry

    def request(
        self,
        method: str,
        url: str,
        *_how: Any,  # noqa: ANN401 # hvac's own
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        **_why: Any,  # noqa: ANN401 # hvac's own
    ) -> VaultResponse:
        """Send a request, and return the response unchanged."""
        path = f"{url}?{urlencode(params)}" if params else url
        body = None if json is None else _write_body(json)
        return self._carry(method.upper(), path, body)

    def get_login_token(self, response: VaultResponse) -> str:  # noqa: ARG002 # hvac's own
        """Return an empty string: hvac needs no token, and would keep it as plain text."""
        return ""


def _write_body(members: dict[str, Any]) -> SecretBytes:
    return SecretBytes(json.dumps(members).encode())


class VaultLogin:
    """
    The session of one fetch from Vault.

    Args:
        server: The Vault.
        timeout: Timeout of all its requests together, in seconds.
    """

    def __init__(self, server: VaultServer, *, timeout: float) -> None:
        self.server = server
        self._until = monotonic() + timeout
        self._has_second_try = True
        self.token: Secret | None = None  # sent with each request
        self.token_is_proven = False  # by a login or renewal of this fetch
        self.hvac = self._build_client()

    def _build_client(self) -> Any:  # noqa: ANN401 # hvac is not typed
        def build_adapter(**_how: Any) -> WireAdapter:  # noqa: ANN401 # hvac's own
            return WireAdapter(self.server.url, self._carry)

        build: Any = Client
        return build(url=self.server.url, token="", adapter=build_adapter)

    def _carry(self, method: str, path: str, body: SecretBytes | None) -> VaultResponse:
        """Send a request; retry once per fetch if Vault is unavailable."""
        while True:
            pause = SystemRandom().uniform(0.05, 0.15)
            try:
                response = self.server.send(
                    method, path, token=self.token, body=body, until=self._until
                )
            except SecretUnavailable as failure:
                if not failure.retryable:
                    raise
                error = failure.copy()
            else:
                if not is_away(response):
                    return response
                error = build_away(response, f"{self.server} {path.partition('?')[0]}")
                pause = response.retry_after or pause
            if not self._has_second_try or monotonic() + pause >= self._until:
                raise error
            self._has_second_try = False
            time.sleep(pause)
