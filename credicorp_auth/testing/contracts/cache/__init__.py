"""The contract of a cache: what every one of them keeps, gives back, forgets and hides."""

from __future__ import annotations

from credicorp_auth.testing.contracts.cache.failures import FailureTests
from credicorp_auth.testing.contracts.cache.lease_expiry import LeaseExpiryTests
from credicorp_auth.testing.contracts.cache.leases import LeaseTests
from credicorp_auth.testing.contracts.cache.listing import ListingTests
from credicorp_auth.testing.contracts.cache.shared import SharedCacheTests
from credicorp_auth.testing.contracts.cache.storage import StorageTests

__all__ = ["CacheContract"]


class CacheContract(
    FailureTests, StorageTests, LeaseExpiryTests, LeaseTests, ListingTests, SharedCacheTests
):
    """
    Every cache keeps what it is given as it was given, and what it declares beyond that.

        class TestMyCache(CacheContract):
            def build_cache(self, place):
                return MyCache(namespace=place.name)

    It needs pytest (`pip install credicorp-auth[testing]`) and forks. What `capabilities` does not
    declare is skipped, and so is trouble, unless `break_cache` says how to make it.

    .. versionadded:: 1.0.0
    """

    contract_version = "1.1"
