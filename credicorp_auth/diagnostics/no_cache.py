"""Null cache: stores nothing, so that the diagnostics always mint."""

from __future__ import annotations

from credicorp_auth.plugin.api import CacheCapabilities


class NoCache:
    """Cache that stores nothing."""

    capabilities = CacheCapabilities()

    def read(self, key: str) -> None:
        """Return None: there is no entry."""

    def write(self, key: str, entry: bytes, *, lifetime: float) -> None:
        """Store nothing."""

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:  # noqa: ARG002 - the port's
        """Return False: there is no entry to drop."""
        return False

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""
