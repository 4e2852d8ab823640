"""A cache as one writes it in a hurry, and the contract it must fail."""

from __future__ import annotations

from credicorp_auth.plugin.api import CacheCapabilities
from credicorp_auth_testing.contracts.cache import CacheContract


class HastyCache:
    """It keeps entries for ever, as text, drops what is there, and shows it all."""

    capabilities = CacheCapabilities()

    def __init__(self):
        self.entries = {}

    def read(self, key, *, timeout):
        entry = self.entries.get(key)
        return None if entry is None else entry.encode()

    def write(self, key, entry, *, lifetime, timeout):
        self.entries[key] = entry.decode(errors="replace")

    def discard(self, key, *, expected=None, timeout):
        return self.entries.pop(key, None) is not None

    def __repr__(self):
        return f"HastyCache({self.entries})"

    def close(self):
        pass

    def after_fork(self):
        pass


class TestHastyCache(CacheContract):
    def build_cache(self, place):
        return HastyCache()
