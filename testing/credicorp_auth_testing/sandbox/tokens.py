"""Store of the tokens that the sandbox has issued, with their revocation."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Any

from attrs import define

_MOST = 100_000


@define
class IssuedToken:
    """
    An issued token.

    Args:
        value: The token.
        claims: Its claims.
        revoked: True if it was revoked.
    """

    value: str
    claims: dict[str, Any]
    revoked: bool = False

    def is_expired(self) -> bool:
        """Return true if the token has expired."""
        return time.time() >= float(self.claims["exp"])

    def check_client(self, client: Any) -> bool:
        """Return true if the token was issued to that client."""
        return bool(self.claims.get("client_id") == client.client_id)

    def is_revoked(self) -> bool:
        """Return true if the token was revoked."""
        return self.revoked


class IssuedTokens:
    """The issued tokens by value; only the newest hundred thousand are kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: OrderedDict[str, IssuedToken] = OrderedDict()

    def add(self, issued: IssuedToken) -> None:
        """Add a token."""
        with self._lock:
            self._tokens[issued.value] = issued
            if len(self._tokens) > _MOST:
                self._tokens.popitem(last=False)

    def find(self, value: str) -> IssuedToken | None:
        """Return the token of that value."""
        with self._lock:
            return self._tokens.get(value)

    def revoke(self, value: str | None = None) -> int:
        """Revoke one token, or all that were issued so far; return their number."""
        with self._lock:
            meant = [each for each in self._tokens.values() if value in {None, each.value}]
        for each in meant:
            each.revoked = True
        return len(meant)
