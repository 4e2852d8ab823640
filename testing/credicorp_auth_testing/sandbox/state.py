"""State of a sandbox: addresses, clients, keys, tokens, counters and switches."""

from __future__ import annotations

import secrets

from credicorp_auth_testing.sandbox.clients import Clients, SandboxClient
from credicorp_auth_testing.sandbox.counters import Counters
from credicorp_auth_testing.sandbox.keys import EncryptionKeyRing
from credicorp_auth_testing.sandbox.rate_limit import TokenBucket
from credicorp_auth_testing.sandbox.settings import SandboxSettings
from credicorp_auth_testing.sandbox.switches import Switches
from credicorp_auth_testing.sandbox.tokens import IssuedTokens

BASE_PATH = "/partner/v1"


class SandboxState:
    """
    What the parts of a sandbox share; `Sandbox` is the server around it.

    Args:
        settings: The initial settings.
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
        self._locate(settings.port)

    def _locate(self, port: int) -> None:
        """Set the addresses, once the server's port is known."""
        self.issuer = f"http://127.0.0.1:{port}"
        self.base_url = f"{self.issuer}{BASE_PATH}"
        self.token_url = f"{self.base_url}/oauth/token"
        self.jwks_url = f"{self.base_url}/oauth/jwks"
