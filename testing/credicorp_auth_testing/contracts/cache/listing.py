"""Tests of listing and clearing the entries, as an operator does."""

from __future__ import annotations

from credicorp_auth.plugin.api import ListingCache
from credicorp_auth_testing.contracts.cache.harness import (
    CANARY,
    KEY,
    OTHER_KEY,
    TIMEOUT,
    CacheHarness,
    await_end,
)


class ListingTests(CacheHarness):
    """Tests of listing and clearing the entries, as an operator does."""

    def test_an_empty_cache_lists_nothing(self, listing: ListingCache) -> None:
        """An empty cache lists nothing, and clears nothing."""
        assert [] == listing.entries(timeout=TIMEOUT)
        assert 0 == listing.clear(timeout=TIMEOUT)

    def test_living_entries_are_listed_by_key(self, listing: ListingCache) -> None:
        """Key, age and remaining lifetime of each valid entry are listed, in order of keys."""
        listing.write(OTHER_KEY, b"x", lifetime=120, timeout=TIMEOUT)
        listing.write("0", b"ends", lifetime=0.05, timeout=TIMEOUT)
        listing.write(KEY, b"x", lifetime=60, timeout=TIMEOUT)
        await_end(listing, "0")
        listed = listing.entries(timeout=TIMEOUT)

        assert [KEY, OTHER_KEY] == [each.key for each in listed]
        for each, lifetime in zip(listed, (60, 120), strict=True):
            assert 0 <= each.age <= lifetime - each.expires_in + 1
            assert lifetime / 2 < each.expires_in <= lifetime

    def test_a_list_shows_no_entry(self, listing: ListingCache) -> None:
        """The list does not contain the content of an entry."""
        listing.write(KEY, CANARY, lifetime=60, timeout=TIMEOUT)

        assert "entry-canary" not in repr(listing.entries(timeout=TIMEOUT))

    def test_clear_drops_all(self, listing: ListingCache) -> None:
        """Every entry is deleted once, and the cache stays usable."""
        for key in (KEY, OTHER_KEY):
            listing.write(key, b"x", lifetime=60, timeout=TIMEOUT)

        assert 2 == listing.clear(timeout=TIMEOUT)
        assert [] == listing.entries(timeout=TIMEOUT)
        assert (None, None) == (
            listing.read(KEY, timeout=TIMEOUT),
            listing.read(OTHER_KEY, timeout=TIMEOUT),
        )
        assert 0 == listing.clear(timeout=TIMEOUT)
        listing.write(KEY, b"again", lifetime=60, timeout=TIMEOUT)
        assert b"again" == listing.read(KEY, timeout=TIMEOUT)
