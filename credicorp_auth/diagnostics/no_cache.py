"""Null cache: keeps nothing, so that the mint of a check-up is a mint in any case."""

from __future__ import annotations

from credicorp_auth.plugin.api import CacheCapabilities


class NoCache:
    """A cache that has no entry and keeps none."""

    capabilities = CacheCapabilities()

    def read(self, key: str) -> None:
        """Return None: there is no entry."""

    def write(self, key: str, entry: bytes, *, lifetime: float) -> None:
        """Keep nothing."""

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:  # noqa: ARG002 - the port's
        """Return False: there was nothing to drop."""
        return False

    def close(self) -> None:
        """Do nothing."""

    def after_fork(self) -> None:
        """Do nothing."""
