"""One fetch from Vault: the time it has, the tries it has left, and hvac on our own sockets."""

from __future__ import annotations

import json
from random import uniform
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hvac import Client
from hvac.adapters import Adapter

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth_vault.failure import build_away, is_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_vault.response import Answer
    from credicorp_auth_vault.server import VaultServer


class WireAdapter(Adapter):  # type: ignore[misc] # hvac is not typed
    """
    hvac's seam for whoever carries its requests, which here is no session of requests.

    A session follows redirects with the token, lets an answer drip for ever, reads netrc and the
    environment, and what it raises holds the request. hvac knows Vault's paths and bodies; the
    wire carries them.

    Args:
        url: Vault's address.
        carry: Sends method, path with query, and body, and returns the answer.
    """

    def __init__(self, url: str, carry: Callable[[str, str, SecretBytes | None], Answer]) -> None:
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
    ) -> Answer:
        """Carry a request, and return the answer as it is."""
        path = f"{url}?{urlencode(params)}" if params else url
        body = None if json is None else _write_body(json)
        return self._carry(method.upper(), path, body)

    def get_login_token(self, response: Answer) -> str:  # noqa: ARG002 # hvac's own
        """Return nothing: hvac, which would hold it as plain text, needs no token."""
        return ""


def _write_body(members: dict[str, Any]) -> SecretBytes:
    return SecretBytes(json.dumps(members).encode())


class VaultLogin:
    """
    One fetch from Vault.

    Args:
        server: Whom to ask.
        timeout: Seconds for all requests together.
    """

    def __init__(self, server: VaultServer, *, timeout: float) -> None:
        self.server = server
        self._until = monotonic() + timeout
        self._has_second_try = True
        self.token: Secret | None = None  # shown with each request
        self.token_is_proven = False  # by a login or renewal of this visit
        self.hvac = self._build_client()

    def _build_client(self) -> Any:  # noqa: ANN401 # hvac is not typed
        def build_adapter(**_how: Any) -> WireAdapter:  # noqa: ANN401 # hvac's own
            return WireAdapter(self.server.url, self._carry)

        build: Any = Client
        return build(url=self.server.url, token="", adapter=build_adapter)

    def _carry(self, method: str, path: str, body: SecretBytes | None) -> Answer:
        """Send a request, and once more in the whole visit where Vault was away."""
        while True:
            pause = uniform(0.05, 0.15)  # noqa: S311 # to spread a fleet, not to hide
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
            sleep(pause)
