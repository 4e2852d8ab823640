"""The contract of a cache finds bugs that were planted in caches which conform."""

from __future__ import annotations

import time
from contextlib import nullcontext
from threading import Event, Thread

import pytest

from credicorp_auth_file import CacheOptions, FileCache
from credicorp_auth_memory import MemoryCache
from credicorp_auth_testing.contracts.cache import CacheContract
from credicorp_auth_testing.contracts.cache.concurrency import reads_what_it_writes
from failing_caches import AroundCache

pytestmark = pytest.mark.slow

CONTRACT = CacheContract()
MONTH = 30 * 86_400.0


class ReadsAndDeletes(AroundCache):
    """A discard in three steps: read, compare, delete."""

    def discard(self, key, *, expected=None, timeout):
        entry = self.read(key, timeout=timeout)
        if entry is None or (expected is not None and expected not in entry):
            return False
        return super().discard(key, timeout=timeout)


class TakesLongTimesForDates(AroundCache):
    """As memcached does: more than thirty days are seconds since 1970."""

    def write(self, key, entry, *, lifetime, timeout):
        ends = lifetime - time.time() if lifetime > MONTH else lifetime
        super().write(key, entry, lifetime=ends, timeout=timeout)


class LeavesAThread(AroundCache):
    """A thread of its own, which nothing ends."""

    over = None

    def __init__(self, inner):
        super().__init__(inner)
        Thread(target=self.over.wait, name="left-behind", daemon=True).start()


@pytest.fixture(params=["memory", "file"])
def inner(request, tmp_path):
    if request.param == "memory":
        made = MemoryCache()
    else:
        made = FileCache(CacheOptions(directory=tmp_path / "cache"))
    yield made
    made.close()


def test_fault_469_a_cache_that_discards_in_three_steps(inner):
    """469: a discard that deletes what was written after it had read is found."""
    CONTRACT.test_fault_469_a_discard_spares_a_newer_entry(AroundCache(inner))
    with pytest.raises(AssertionError, match="assert 0 == "):
        CONTRACT.test_fault_469_a_discard_spares_a_newer_entry(ReadsAndDeletes(inner))


@pytest.mark.parametrize("days", [31, 366])
def test_a_cache_that_takes_long_times_for_dates(inner, days):
    """A lifetime of more than thirty days that is read as a date in 1970 is found."""
    CONTRACT.test_a_long_lifetime_is_no_date(AroundCache(inner), days)
    with pytest.raises(AssertionError, match="b'lives' =="):
        CONTRACT.test_a_long_lifetime_is_no_date(TakesLongTimesForDates(inner), days)


def test_fault_470_an_entry_of_another_process_is_noticed():
    """470: an end that reads what it has not written has the connection of another."""

    class Confused(MemoryCache):
        def read(self, key, *, timeout):
            return b"entry of the other"

    assert reads_what_it_writes(MemoryCache(), "key", b"ours")
    assert not reads_what_it_writes(Confused(), "key", b"ours")


@pytest.mark.parametrize("kind", [AroundCache, LeavesAThread])
def test_a_cache_that_leaves_threads(inner, kind, tmp_path):
    """A cache that starts a thread and never ends it is found; the threads are named."""

    class Contract(CacheContract):
        def build_cache(self, _place):
            return kind(inner)

    LeavesAThread.over = Event()
    expected = (
        nullcontext() if kind is AroundCache else pytest.raises(AssertionError, match="left-behind")
    )
    with expected:
        Contract().test_threads_do_not_pile_up(tmp_path)
    LeavesAThread.over.set()
