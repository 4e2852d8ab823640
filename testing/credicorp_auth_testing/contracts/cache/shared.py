"""Tests of sharing between caches and processes, and of the capacity."""

from __future__ import annotations

from credicorp_auth.plugin.api import BoundedCache, Cache
from credicorp_auth_testing.contracts import not_offered
from credicorp_auth_testing.contracts.cache.harness import (
    KEY,
    OTHER_KEY,
    TIMEOUT,
    Build,
    CacheHarness,
    needs_processes,
)
from credicorp_auth_testing.contracts.children import in_child

_MANY = 3_000


class SharedCacheTests(CacheHarness):
    """Tests of sharing between caches and processes, and of the capacity."""

    def test_caches_of_one_place_share(self, cache: Cache, build: Build) -> None:
        """Two caches of one place share entries if they are declared shared, and only then."""
        other = build()
        cache.write(KEY, b"the one's", lifetime=60, timeout=TIMEOUT)
        seen = other.read(KEY, timeout=TIMEOUT)
        dropped = other.discard(KEY, timeout=TIMEOUT)

        if not cache.capabilities.shared:
            assert (None, False) == (seen, dropped)
            not_offered("it does not declare itself shared, and is not")
        assert (b"the one's", True) == (seen, dropped)
        assert cache.read(KEY, timeout=TIMEOUT) is None

    def test_closing_one_leaves_the_other(self, cache: Cache, build: Build) -> None:
        """A shared cache keeps its entries when one of its users closes."""
        if not cache.capabilities.shared:
            not_offered("it does not declare itself shared")
        other = build()
        cache.write(KEY, b"x", lifetime=60, timeout=TIMEOUT)
        other.close()

        assert b"x" == cache.read(KEY, timeout=TIMEOUT)

    def test_processes_share(self, cache: Cache, build: Build) -> None:
        """Processes see each other's entries if the cache spans processes."""
        needs_processes(cache)

        def work() -> bool:
            other = build()
            seen = other.read(KEY, timeout=TIMEOUT)
            other.write(OTHER_KEY, b"the child's", lifetime=60, timeout=TIMEOUT)
            return seen == b"the parent's"

        cache.write(KEY, b"the parent's", lifetime=60, timeout=TIMEOUT)

        assert in_child(work)
        assert b"the child's" == cache.read(OTHER_KEY, timeout=TIMEOUT)

    def test_what_is_used_stays(self, cache: Cache) -> None:
        """A bounded cache evicts the least recently used entry; build it with a small capacity."""
        if not cache.capabilities.bounded:
            not_offered("it does not declare itself bounded")
        cache.write(KEY, b"used", lifetime=60, timeout=TIMEOUT)
        for number in range(_MANY):
            cache.write(f"{number:x}", b"x", lifetime=60, timeout=TIMEOUT)
            assert b"used" == cache.read(KEY, timeout=TIMEOUT)

        assert cache.read("0", timeout=TIMEOUT) is None
        assert b"x" == cache.read(f"{_MANY - 1:x}", timeout=TIMEOUT)

    def test_room_that_is_made_is_kept(self, cache: Cache) -> None:
        """A bounded cache keeps as many entries as the engine requests by `make_room`."""
        if not cache.capabilities.bounded:
            not_offered("it does not declare itself bounded")
        assert isinstance(cache, BoundedCache)
        cache.make_room(_MANY)
        cache.make_room(1)
        for number in range(_MANY):
            cache.write(f"{number:x}", b"x", lifetime=60, timeout=TIMEOUT)

        assert all(cache.read(f"{number:x}", timeout=TIMEOUT) == b"x" for number in range(_MANY))
