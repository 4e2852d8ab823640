"""Contract of caches: storage, expiry, leases, sharing and secrecy."""

from __future__ import annotations

from credicorp_auth_testing.contracts.cache.concurrency import ConcurrencyTests
from credicorp_auth_testing.contracts.cache.failures import FailureTests
from credicorp_auth_testing.contracts.cache.lease_expiry import LeaseExpiryTests
from credicorp_auth_testing.contracts.cache.leases import LeaseTests
from credicorp_auth_testing.contracts.cache.listing import ListingTests
from credicorp_auth_testing.contracts.cache.shared import SharedCacheTests
from credicorp_auth_testing.contracts.cache.storage import StorageTests

__all__ = ["CacheContract"]


class CacheContract(
    FailureTests,
    StorageTests,
    ConcurrencyTests,
    LeaseExpiryTests,
    LeaseTests,
    ListingTests,
    SharedCacheTests,
):
    """
    Tests that a cache stores entries unchanged, and provides the capabilities it declares.

        class TestMyCache(CacheContract):
            def build_cache(self, place):
                return MyCache(namespace=place.name)

    It forks. Tests of capabilities that `capabilities` does not declare are skipped, and so are
    failures without `break_cache`, and a server that stands still without `freeze_cache`.

    .. versionadded:: 1.0.0
    """

    contract_version = "2.0"
