"""Tests of listing and clearing the entries, as an operator does."""

from __future__ import annotations

from credicorp_auth.plugin.api import ListingCache
from credicorp_auth_testing.contracts.cache.harness import (
    CANARY,
    KEY,
    OTHER_KEY,
    CacheHarness,
    await_end,
)


class ListingTests(CacheHarness):
    """Tests of listing and clearing the entries, as an operator does."""

    def test_an_empty_cache_lists_nothing(self, listing: ListingCache) -> None:
        """An empty cache lists nothing, and clears nothing."""
        assert [] == listing.entries()
        assert 0 == listing.clear()

    def test_living_entries_are_listed_by_key(self, listing: ListingCache) -> None:
        """Key, age and remaining lifetime of each valid entry are listed, in order of keys."""
        listing.write(OTHER_KEY, b"x", lifetime=120)
        listing.write("0", b"ends", lifetime=0.05)
        listing.write(KEY, b"x", lifetime=60)
        await_end(listing, "0")
        listed = listing.entries()

        assert [KEY, OTHER_KEY] == [each.key for each in listed]
        for each, lifetime in zip(listed, (60, 120), strict=True):
            assert 0 <= each.age <= lifetime - each.expires_in + 1
            assert lifetime / 2 < each.expires_in <= lifetime

    def test_a_list_shows_no_entry(self, listing: ListingCache) -> None:
        """The list does not contain the content of an entry."""
        listing.write(KEY, CANARY, lifetime=60)

        assert "entry-canary" not in repr(listing.entries())

    def test_clear_drops_all(self, listing: ListingCache) -> None:
        """Every entry is deleted once, and the cache stays usable."""
        for key in (KEY, OTHER_KEY):
            listing.write(key, b"x", lifetime=60)

        assert 2 == listing.clear()
        assert [] == listing.entries()
        assert (None, None) == (listing.read(KEY), listing.read(OTHER_KEY))
        assert 0 == listing.clear()
        listing.write(KEY, b"again", lifetime=60)
        assert b"again" == listing.read(KEY)
