"""Clients of the sandbox, with secrets that can be added and revoked at run time."""

from __future__ import annotations

import hmac
import threading
from typing import TYPE_CHECKING

from authlib.oauth2.rfc6749 import ClientMixin

if TYPE_CHECKING:
    from collections.abc import Collection


class SandboxClient(ClientMixin):  # type: ignore[misc] # Authlib is not typed
    """
    A confidential client of the client-credentials grant.

    Args:
        client_id: The client id.
        client_secret: The first secret.
        scopes: The scopes that the client may request.
    """

    def __init__(self, client_id: str, client_secret: str, scopes: tuple[str, ...]) -> None:
        self.client_id = client_id
        self.scopes = scopes
        self._secrets = {client_secret}

    def add_secret(self, secret: str) -> None:
        """Accept another secret beside the others."""
        self._secrets = self._secrets | {secret}

    def revoke_secret(self, secret: str) -> None:
        """Reject a secret from now on."""
        self._secrets = self._secrets - {secret}

    def get_client_id(self) -> str:
        """Return the id."""
        return self.client_id

    def get_allowed_scope(self, scope: Collection[str] | str) -> str:
        """Return the part of a scope that may be granted."""
        asked = scope.split() if isinstance(scope, str) else scope or ()
        return " ".join(each for each in asked if each in self.scopes)

    def check_client_secret(self, client_secret: str) -> bool:
        """Return true if that is one of the secrets."""
        offered = client_secret.encode()
        return any(hmac.compare_digest(each.encode(), offered) for each in self._secrets)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - Authlib's signature
        """Return true if the client may use that authentication method."""
        return method in {"client_secret_post", "client_secret_basic"}

    def check_grant_type(self, grant_type: str) -> bool:
        """Return true if the client may use that grant."""
        return grant_type == "client_credentials"


class Clients:
    """The clients, by id."""

    def __init__(self, first: SandboxClient) -> None:
        self._lock = threading.Lock()
        self._clients = {first.client_id: first}

    def add(self, client: SandboxClient) -> None:
        """Add a client."""
        with self._lock:
            self._clients[client.client_id] = client

    def find(self, client_id: str) -> SandboxClient | None:
        """Return the client with that id."""
        with self._lock:
            return self._clients.get(client_id)
