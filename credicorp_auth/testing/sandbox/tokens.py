"""The tokens that the sandbox has issued, and which of them still count."""

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
    A token as it was issued.

    Args:
        value: The token.
        claims: What it says.
        revoked: Whether it was taken back.
    """

    value: str
    claims: dict[str, Any]
    revoked: bool = False

    def is_expired(self) -> bool:
        """Say whether its time is over."""
        return time.time() >= float(self.claims["exp"])

    def check_client(self, client: Any) -> bool:
        """Say whether it was issued to that client."""
        return bool(self.claims.get("client_id") == client.client_id)

    def is_revoked(self) -> bool:
        """Say whether it was taken back."""
        return self.revoked


class IssuedTokens:
    """The tokens, by value; the oldest are forgotten beyond a hundred thousand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: OrderedDict[str, IssuedToken] = OrderedDict()

    def add(self, issued: IssuedToken) -> None:
        """Keep a token."""
        with self._lock:
            self._tokens[issued.value] = issued
            if len(self._tokens) > _MOST:
                self._tokens.popitem(last=False)

    def find(self, value: str) -> IssuedToken | None:
        """Return the token of that value."""
        with self._lock:
            return self._tokens.get(value)

    def revoke(self, value: str | None = None) -> int:
        """Take back one token, or all that were issued so far; return how many."""
        with self._lock:
            meant = [each for each in self._tokens.values() if value in {None, each.value}]
        for each in meant:
            each.revoked = True
        return len(meant)
