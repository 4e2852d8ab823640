"""A cache with leases that believes all it is given, and the contract it must fail."""

from __future__ import annotations

from attrs import frozen

from credicorp_auth.plugin.api import CacheCapabilities, LeaseState
from credicorp_auth_testing.contracts.cache import CacheContract


class TrustingCache:
    """It keeps what claims the largest number, and a lease for as long as its holder wished."""

    capabilities = CacheCapabilities(leases=True)

    def __init__(self):
        self.kept = {}
        self.held = {}
        self.number = 0

    def read(self, key, *, timeout):
        return self.kept.get(key, (None, 0))[0]

    def write(self, key, entry, *, lifetime, number=0, timeout):
        if not 0 < number < self.kept.get(key, (None, 0))[1]:
            self.kept[key] = (entry, number)

    def discard(self, key, *, expected=None, timeout):
        return self.kept.pop(key, None) is not None

    def lease(self, key, *, seconds, timeout):
        if key in self.held:
            return Lease(self, key, LeaseState.HELD, 0)
        self.number += 1
        self.held[key] = self.number
        return Lease(self, key, LeaseState.ACQUIRED, self.number)

    def close(self):
        pass

    def after_fork(self):
        pass


@frozen
class Lease:
    cache: TrustingCache
    key: str
    state: LeaseState
    number: int

    def renew(self, *, timeout):
        return self.cache.held.get(self.key) == self.number

    def release(self, *, timeout):
        if self.renew(timeout=timeout):
            del self.cache.held[self.key]


class TestTrustingCache(CacheContract):
    def build_cache(self, place):
        return TrustingCache()
