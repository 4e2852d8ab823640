"""Tests of storage: entries unchanged, for their lifetime, and never shown."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from credicorp_auth.plugin.api import Cache
from credicorp_auth_testing.contracts.cache.harness import (
    CANARY,
    KEY,
    OTHER_KEY,
    TIMEOUT,
    CacheHarness,
    await_end,
)
from credicorp_auth_testing.contracts.children import in_child


class StorageTests(CacheHarness):
    """Tests of storage: entries unchanged, for their lifetime, and never shown."""

    def test_it_has_the_methods_of_a_cache(self, cache: Cache) -> None:
        """The cache has the methods of its port."""
        assert isinstance(cache, Cache)

    def test_a_key_that_was_never_written_has_no_entry(self, cache: Cache) -> None:
        """An empty cache returns no entry, and discards none."""
        assert cache.read(KEY, timeout=TIMEOUT) is None
        assert cache.discard(KEY, timeout=TIMEOUT) is False
        assert cache.discard(KEY, expected=b"x", timeout=TIMEOUT) is False

    @pytest.mark.parametrize(
        "entry",
        [
            pytest.param(b'{"a":"b"}', id="text"),
            pytest.param(b"", id="nothing"),
            pytest.param(bytes(range(256)), id="each byte"),
            pytest.param(b"\r\n\x00 \xff\n", id="bytes that end lines and strings"),
            pytest.param(os.urandom(256 * 1024), id="256 KiB"),
        ],
    )
    def test_an_entry_is_returned_as_it_was_written(self, cache: Cache, entry: bytes) -> None:
        """Not a byte is changed, and the answer is bytes."""
        cache.write(KEY, entry, lifetime=60, timeout=TIMEOUT)
        got = cache.read(KEY, timeout=TIMEOUT)

        assert entry == got
        assert isinstance(got, bytes)

    def test_the_last_entry_counts(self, cache: Cache) -> None:
        """An entry replaces the one before, shorter or longer."""
        for entry in (b"first, and long", b"second", b"third, and longer than that"):
            cache.write(KEY, entry, lifetime=60, timeout=TIMEOUT)

            assert entry == cache.read(KEY, timeout=TIMEOUT)

    @pytest.mark.parametrize("other", [OTHER_KEY, KEY[:-1], KEY[:1], KEY[:-1] + "0"])
    def test_keys_are_apart(self, cache: Cache, other: str) -> None:
        """Keys of up to 64 hexadecimal digits are separate, also if one is a prefix of another."""
        cache.write(KEY, b"one", lifetime=60, timeout=TIMEOUT)
        before = cache.read(other, timeout=TIMEOUT)
        cache.write(other, b"other", lifetime=60, timeout=TIMEOUT)

        assert (None, b"one", b"other") == (
            before,
            cache.read(KEY, timeout=TIMEOUT),
            cache.read(other, timeout=TIMEOUT),
        )
        assert cache.discard(other, timeout=TIMEOUT)
        assert (b"one", None) == (
            cache.read(KEY, timeout=TIMEOUT),
            cache.read(other, timeout=TIMEOUT),
        )

    def test_an_entry_is_dropped_once(self, cache: Cache) -> None:
        """The first discard deletes the entry; the second one finds none."""
        cache.write(KEY, b"x", lifetime=60, timeout=TIMEOUT)

        assert cache.discard(KEY, timeout=TIMEOUT) is True
        assert cache.discard(KEY, timeout=TIMEOUT) is False
        assert cache.read(KEY, timeout=TIMEOUT) is None

    def test_an_entry_is_dropped_if_it_is_the_one_that_is_meant(self, cache: Cache) -> None:
        """An entry is discarded only if it contains the expected bytes."""
        cache.write(KEY, b"of record-2, which is newer", lifetime=60, timeout=TIMEOUT)

        assert cache.discard(KEY, expected=b"record-1", timeout=TIMEOUT) is False
        assert b"of record-2, which is newer" == cache.read(KEY, timeout=TIMEOUT)
        assert cache.discard(KEY, expected=b"record-2", timeout=TIMEOUT) is True
        assert cache.read(KEY, timeout=TIMEOUT) is None

    def test_an_entry_ends_with_its_lifetime(self, cache: Cache) -> None:
        """An expired entry is gone and cannot be discarded; a valid one stays."""
        cache.write(OTHER_KEY, b"lives", lifetime=60, timeout=TIMEOUT)
        cache.write(KEY, b"ends", lifetime=0.05, timeout=TIMEOUT)
        await_end(cache, KEY)

        assert cache.discard(KEY, timeout=TIMEOUT) is False
        assert b"lives" == cache.read(OTHER_KEY, timeout=TIMEOUT)

    @pytest.mark.parametrize("days", [31, 366])
    def test_a_long_lifetime_is_no_date(self, cache: Cache, days: int) -> None:
        """An entry of a token that is valid for long is kept, and never has ended at once."""
        cache.write(KEY, b"lives", lifetime=days * 86_400.0, timeout=TIMEOUT)

        assert b"lives" == cache.read(KEY, timeout=TIMEOUT)

    def test_an_entry_without_lifetime_is_not_kept(self, cache: Cache) -> None:
        """An entry with lifetime 0 is not kept, but removes the older one."""
        cache.write(KEY, b"old", lifetime=60, timeout=TIMEOUT)
        cache.write(KEY, b"new", lifetime=0, timeout=TIMEOUT)

        assert cache.read(KEY, timeout=TIMEOUT) is None

    def test_threads(self, cache: Cache) -> None:
        """Threads that write, read and discard concurrently see whole entries, or none."""
        entries = [bytes([65 + number]) * (1 + 1000 * number) for number in range(5)]

        def work(mine: bytes) -> set[bytes | None]:
            seen: set[bytes | None] = set()
            for turn in range(40):
                cache.write(KEY, mine, lifetime=60, timeout=TIMEOUT)
                seen.add(cache.read(KEY, timeout=TIMEOUT))
                cache.discard(
                    KEY, expected=mine[:1] if turn % 7 == 0 else b"none of them", timeout=TIMEOUT
                )
            return seen

        with ThreadPoolExecutor(len(entries)) as pool:
            seen = [each for found in pool.map(work, entries) for each in found]

        assert set(seen) & set(entries)
        assert set(seen) <= {None, *entries}

    def test_a_child_goes_on(self, cache: Cache) -> None:
        """After a fork, the child reads and writes, and the parent's cache still works."""
        cache.write(KEY, b"the parent's", lifetime=60, timeout=TIMEOUT)

        def work() -> bool:
            cache.after_fork()
            before = cache.read(KEY, timeout=TIMEOUT)
            cache.write(OTHER_KEY, b"the child's", lifetime=60, timeout=TIMEOUT)
            return (b"the parent's", b"the child's") == (
                before,
                cache.read(OTHER_KEY, timeout=TIMEOUT),
            )

        assert in_child(work)
        assert b"the parent's" == cache.read(KEY, timeout=TIMEOUT)
        cache.write(KEY, b"after that", lifetime=60, timeout=TIMEOUT)
        assert b"after that" == cache.read(KEY, timeout=TIMEOUT)

    def test_nothing_shows_an_entry(
        self,
        cache: Cache,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """No entry is in the cache's repr, str and attributes, nor in logs at the lowest level."""
        caplog.set_level(1)
        cache.write(KEY, CANARY, lifetime=60, timeout=TIMEOUT)
        cache.read(KEY, timeout=TIMEOUT)
        cache.discard(KEY, expected=b"another", timeout=TIMEOUT)
        shown = f"{cache!r}{cache!s}{vars(cache)}{caplog.text}{capsys.readouterr()}"

        assert "entry-canary" not in shown
