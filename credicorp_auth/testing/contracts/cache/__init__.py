"""The contract of a cache: what every one of them keeps, gives back, forgets and hides."""

from __future__ import annotations

from credicorp_auth.testing.contracts.cache.breaking import Breaking
from credicorp_auth.testing.contracts.cache.keeping import Keeping
from credicorp_auth.testing.contracts.cache.lapsing import Lapsing
from credicorp_auth.testing.contracts.cache.leasing import Leasing
from credicorp_auth.testing.contracts.cache.listing import Listing
from credicorp_auth.testing.contracts.cache.sharing import Sharing

__all__ = ["CacheContract"]


class CacheContract(Breaking, Keeping, Lapsing, Leasing, Listing, Sharing):
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
