"""Tests of threads and processes at once, and of a server that stands still: faults 469, 470."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import Cache, LeasingCache
from credicorp_auth_testing.contracts.cache.harness import (
    CANARY,
    KEY,
    OTHER_KEY,
    TIMEOUT,
    CacheHarness,
    patiently,
)
from credicorp_auth_testing.contracts.children import child_of
from credicorp_auth_testing.contracts.threads import (
    assert_no_threads_pile_up,
    giving_way,
    many_rounds,
    repeating,
)
from credicorp_auth_testing.limits import limited

_FORKS: Final = 4
_ROUNDS: Final = 20
_SIZE: Final = 5000  # repetitions of a text: too long to be sent in one piece
_SHORT: Final = 0.5  # seconds: timeout of a call that must not return a response


class ConcurrencyTests(CacheHarness):
    """Tests of threads and processes at once, and of a server that stands still."""

    def test_fault_469_a_discard_spares_a_newer_entry(self, cache: Cache) -> None:
        """If an entry is replaced while another thread discards it, the newer one stays."""
        lost, discards, takes = 0, 0, 0.0

        def discard() -> None:
            nonlocal discards, takes
            start = time.monotonic()
            with giving_way():
                cache.discard(KEY, expected=b"old", timeout=TIMEOUT)
            discards, takes = discards + 1, time.monotonic() - start

        with repeating(discard):
            for number in many_rounds(64, seconds=2):
                cache.write(KEY, b"old", lifetime=60, timeout=TIMEOUT)
                time.sleep(takes * (number % 16) / 16)  # comes between other steps each time
                cache.write(KEY, b"newer", lifetime=60, timeout=TIMEOUT)
                before = discards
                while discards == before:  # until a discard that had begun has ended
                    time.sleep(1e-6)
                lost += cache.read(KEY, timeout=TIMEOUT) != b"newer"

        assert 0 == lost

    def test_threads_do_not_pile_up(self, place: Path) -> None:
        """Caches that are built, used and closed again and again leave no threads behind."""

        def use() -> None:
            cache = self.build_cache(place)
            cache.write(KEY, CANARY, lifetime=60, timeout=TIMEOUT)
            if isinstance(cache, LeasingCache) and cache.capabilities.leases:
                cache.lease(KEY, seconds=60, timeout=TIMEOUT).release(timeout=TIMEOUT)
            cache.discard(KEY, timeout=TIMEOUT)
            cache.close()

        assert_no_threads_pile_up(use)

    def test_fault_470_parent_and_child_at_once(self, cache: Cache) -> None:
        """After a fork, parent and child use the cache at once, and each reads its own entries."""
        wait = 2 * self.longest_wait
        for _ in range(_FORKS):
            cache.write(KEY, b"before", lifetime=60, timeout=TIMEOUT)
            with _meeting() as meet:

                def work(meet: Callable[[], object] = meet) -> bool:
                    cache.after_fork()
                    meet()
                    return reads_what_it_writes(cache, OTHER_KEY, b"the child's", wait)

                with child_of(work) as child:
                    meet()
                    in_parent = reads_what_it_writes(cache, KEY, b"the parent's", wait)
                    patiently(lambda: None if child.runs else True, "the end of a child")

            assert (True, True) == (in_parent, child.succeeded)

    def test_a_server_that_stands_still(self, cache: Cache, place: Path) -> None:
        """A server that accepts and does not respond costs about `timeout`, then the error."""
        cache.write(KEY, CANARY, lifetime=60, timeout=TIMEOUT)
        self.freeze_cache(cache, place)
        for call in (
            lambda: cache.read(KEY, timeout=_SHORT),
            lambda: cache.write(KEY, CANARY, lifetime=60, timeout=_SHORT),
            lambda: cache.discard(KEY, expected=b"x", timeout=_SHORT),
        ):
            with (
                limited(self.longest_wait, of="a call of a cache"),
                pytest.raises(CacheUnavailable),
            ):
                call()


@contextmanager
def _meeting() -> Generator[Callable[[], object]]:
    """Return a function that waits until parent and child have called it."""
    ends = socket.socketpair()
    parent = os.getpid()

    def meet() -> bytes:
        end = ends[os.getpid() == parent]
        end.sendall(b"x")
        return end.recv(1)

    try:
        yield meet
    finally:
        for end in ends:
            end.close()


def reads_what_it_writes(cache: Cache, key: str, text: bytes, wait: float = 16.0) -> bool:
    """Return whether a cache gives back each of many entries that are written in turn."""
    with limited(wait, of="what parent or child ask of the cache"):
        for number in range(_ROUNDS):
            entry = b"%s %d" % (text, number) * _SIZE
            cache.write(key, entry, lifetime=60, timeout=TIMEOUT)
            if cache.read(key, timeout=TIMEOUT) != entry:
                return False
    return True
