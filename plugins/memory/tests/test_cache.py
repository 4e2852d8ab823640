"""What the cache in memory keeps, for how long, and for whom: fault 179."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.api import (
    BoundedCache,
    Cache,
    CacheCapabilities,
    LeaseState,
    LeasingCache,
)
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_memory import CacheOptions, MemoryCache, plugin
from credicorp_auth_memory.cache import open_cache
from credicorp_auth_testing.contracts.cache import CacheContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


class TestMemoryCache(CacheContract):
    """In memory, one for each engine."""

    def build_cache(self, place):
        return open_cache(CacheOptions(max_entries=8))


class TestSharedMemoryCache(CacheContract):
    """In memory, one for all engines of the process."""

    @pytest.fixture(autouse=True)
    def _rooms(self) -> None:
        self.rooms: dict[Path, MemoryCache] = {}

    def build_cache(self, place: Path) -> MemoryCache:
        return self.rooms.setdefault(place, MemoryCache(CacheOptions(max_entries=8, shared=True)))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> MemoryCache:
    return MemoryCache(CacheOptions(max_entries=2), clock=clock)


@pytest.fixture
def shared() -> Iterator[MemoryCache]:
    made = open_cache(CacheOptions(shared=True))
    yield made
    for key in ("a", "b"):
        made.discard(key, timeout=5)


def test_what_was_written_is_read(cache: MemoryCache) -> None:
    """An entry is read as it was written last; another key has none."""
    cache.write("a", b"first", lifetime=10, timeout=5)
    cache.write("a", b"second", lifetime=10, timeout=5)

    assert (b"second", None) == (cache.read("a", timeout=5), cache.read("b", timeout=5))


def test_an_entry_ends_with_its_lifetime(cache: MemoryCache, clock: Clock) -> None:
    """At the end of its lifetime an entry is gone, not a moment before."""
    cache.write("a", b"x", lifetime=10, timeout=5)
    clock.now += 9.9
    before = cache.read("a", timeout=5)
    clock.now += 0.1

    assert (b"x", None) == (before, cache.read("a", timeout=5))


@pytest.mark.parametrize("lifetime", [0, -1])
def test_an_entry_without_lifetime_is_not_kept(cache: MemoryCache, lifetime: float) -> None:
    """It still replaces an older one."""
    cache.write("a", b"old", lifetime=10, timeout=5)
    cache.write("a", b"new", lifetime=lifetime, timeout=5)

    assert cache.read("a", timeout=5) is None


def test_ended_entries_do_not_linger(cache: MemoryCache, clock: Clock) -> None:
    """What has ended is dropped by any next use, and takes no room from what lives."""
    cache.write("a", b"a", lifetime=1, timeout=5)
    cache.write("b", b"b", lifetime=10, timeout=5)
    clock.now += 2
    cache.write("c", b"c", lifetime=10, timeout=5)

    assert [None, b"b", b"c"] == [cache.read(key, timeout=5) for key in "abc"]
    assert 2 == len(cache._entries)


def test_fault_179_the_entry_used_longest_ago_makes_room(cache: MemoryCache) -> None:
    """Reading is use, and so is writing again."""
    cache.write("a", b"a", lifetime=10, timeout=5)
    cache.write("b", b"b", lifetime=10, timeout=5)
    cache.read("a", timeout=5)
    cache.write("c", b"c", lifetime=10, timeout=5)

    assert [b"a", None, b"c"] == [cache.read(key, timeout=5) for key in "abc"]


def test_fault_179_twenty_thousand_keys_leave_as_many_as_an_engine_holds() -> None:
    """Unless it is set, the bound is 16,384 entries, as the engine's is."""
    cache = MemoryCache()
    for number in range(20_000):
        cache.write(f"{number:x}", b"x", lifetime=10, timeout=5)

    assert 16_384 == sum(
        cache.read(f"{number:x}", timeout=5) is not None for number in range(20_000)
    )


def test_fault_387_a_bounded_cache_is_given_more_room_and_never_less(cache: MemoryCache) -> None:
    """387: `make_room` raises the bound to what the engine holds; a smaller number changes nothing."""
    assert isinstance(cache, BoundedCache)
    cache.make_room(3)
    cache.make_room(1)
    for key in "abcd":
        cache.write(key, b"x", lifetime=10, timeout=5)

    assert [None, b"x", b"x", b"x"] == [cache.read(key, timeout=5) for key in "abcd"]


def test_fault_387_what_was_replaced_leaves_nothing_behind(
    cache: MemoryCache, clock: Clock
) -> None:
    """387: ten thousand writes of one key note no ten thousand ends, and the last one counts."""
    for _ in range(10_000):
        cache.write("a", b"x", lifetime=100, timeout=5)
    assert len(cache._ends) <= 100
    cache.write("b", b"y", lifetime=50, timeout=5)
    clock.now += 60

    assert (b"x", None) == (cache.read("a", timeout=5), cache.read("b", timeout=5))


def test_fault_387_a_use_looks_at_what_has_ended_alone(clock: Clock) -> None:
    """387: what a use costs does not grow with the number of entries: it reads no entry that lives."""
    cache = MemoryCache(clock=clock)
    for number in range(1000):
        cache.write(str(number), b"x", lifetime=10 if number < 5 else 100, timeout=5)
    clock.now += 20
    before = len(cache._ends)
    cache.read("nothing", timeout=5)

    assert (5, 995) == (before - len(cache._ends), len(cache._entries))


def test_discard(cache: MemoryCache) -> None:
    """An entry is dropped once, and only if it contains what was expected of it."""
    cache.write("a", b"record-1", lifetime=10, timeout=5)

    assert not cache.discard("a", expected=b"record-2", timeout=5)
    assert b"record-1" == cache.read("a", timeout=5)
    assert cache.discard("a", expected=b"record-1", timeout=5)
    assert cache.read("a", timeout=5) is None
    assert not cache.discard("a", timeout=5)


def test_discard_whatever_it_is(cache: MemoryCache) -> None:
    """Without an expectation, any entry of that key is dropped."""
    cache.write("a", b"x", lifetime=10, timeout=5)

    assert cache.discard("a", timeout=5)


def test_each_engine_has_its_own() -> None:
    """Unless it is asked for, nothing is shared, and closing drops all."""
    one, other = open_cache(CacheOptions()), open_cache(CacheOptions())
    one.write("a", b"x", lifetime=10, timeout=5)

    assert CacheCapabilities(shared=False, bounded=True, local=True) == one.capabilities
    assert other.read("a", timeout=5) is None
    one.close()
    assert one.read("a", timeout=5) is None


def test_one_is_shared_by_all_that_ask(shared: MemoryCache) -> None:
    """Those who ask for the shared cache get the same; closing by one leaves it to the others."""
    other = open_cache(CacheOptions(shared=True, max_entries=100))
    other.write("a", b"x", lifetime=10, timeout=5)
    other.close()

    assert shared is other
    offered = CacheCapabilities(shared=True, bounded=True, leases=True, local=True)
    assert offered == shared.capabilities
    assert b"x" == shared.read("a", timeout=5)


def test_the_largest_bound_counts(shared: MemoryCache) -> None:
    """No user of the shared cache loses room to another who asked for less."""
    open_cache(CacheOptions(shared=True, max_entries=70))
    open_cache(CacheOptions(shared=True, max_entries=1))
    for key in "ab":
        shared.write(key, b"x", lifetime=10, timeout=5)

    assert b"x" == shared.read("a", timeout=5)


def test_threads(cache: MemoryCache) -> None:
    """Threads that read, write and drop at once never meet a broken cache."""

    def work() -> None:
        for number in range(500):
            cache.write(str(number % 5), b"x", lifetime=10, timeout=5)
            cache.read(str(number % 3), timeout=5)
            cache.discard(str(number % 7), timeout=5)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(cache._entries) <= 2


def test_a_child_reads_although_the_lock_was_held(cache: MemoryCache) -> None:
    """After a fork the entries are there, and the parent's lock is not waited for."""
    cache.write("a", b"x", lifetime=10, timeout=5)
    with cache._lock:
        child = os.fork()
        if child == 0:  # pragma: no cover # measured in the parent only
            cache.after_fork()
            os._exit(0 if cache.read("a", timeout=5) == b"x" else 1)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_after_fork_takes_a_new_lock(cache: MemoryCache) -> None:
    """The lock is another one afterwards."""
    held = cache._lock
    held.acquire()
    cache.after_fork()

    assert cache.read("a", timeout=5) is None
    held.release()


def test_attributes_show_no_entry(cache: MemoryCache) -> None:
    """A walk over the attributes of the cache meets no token."""
    cache.write("a", b"canary", lifetime=10, timeout=5)

    assert "canary" not in f"{cache!r}{vars(cache)}"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, CacheOptions(16_384, False)),
        ({"max_entries": "5", "shared": "true"}, CacheOptions(5, True)),
        ({"max_entries": 7, "shared": "FALSE"}, CacheOptions(7, False)),
        ({"shared": True}, CacheOptions(16_384, True)),
    ],
)
def test_options(values: dict[str, Any], expected: CacheOptions) -> None:
    """Options may be strings, as the environment gives them."""
    assert expected == AdapterOptions(values, setting="cache_options").read(CacheOptions)


@pytest.mark.parametrize(
    "values",
    [{"max_entries": 0}, {"max_entries": "many"}, {"max_entries": True}, {"shared": "perhaps"}],
)
def test_options_that_make_no_sense(values: dict[str, Any]) -> None:
    """A value that cannot be used is refused by its name."""
    with pytest.raises(InvalidSetting, match=next(iter(values))):
        CacheOptions(**values)


def test_the_hook_builds_the_cache() -> None:
    """The plugin makes a cache of its options."""
    made = plugin.credicorp_cache(AdapterOptions({"max_entries": "3"}, setting="cache_options"))

    assert 1 == plugin.CREDICORP_API
    assert isinstance(made, Cache)
    assert isinstance(made, MemoryCache)


def test_one_at_a_time_has_the_lease(cache: MemoryCache, clock: Clock) -> None:
    """A lease is held by one until it is released or lapses, and each has a larger number."""
    first = cache.lease("a", seconds=3, timeout=5)
    denied = cache.lease("a", seconds=3, timeout=5)
    elsewhere = cache.lease("b", seconds=3, timeout=5)
    first.release(timeout=5)
    second = cache.lease("a", seconds=3, timeout=5)
    clock.now += 3
    third = cache.lease("a", seconds=3, timeout=5)

    got = [each.state for each in (first, denied, elsewhere, second, third)]
    assert [LeaseState.HELD if each is denied else LeaseState.ACQUIRED for each in (first, denied, elsewhere, second, third)] == got  # fmt: skip
    assert 0 == denied.number < first.number < elsewhere.number < second.number < third.number


def test_a_lease_lasts_while_it_is_renewed(cache: MemoryCache, clock: Clock) -> None:
    """Renewing lets a lease last on; one that another took over is neither renewed nor released."""
    first = cache.lease("a", seconds=3, timeout=5)
    clock.now += 2
    assert first.renew(timeout=5)
    clock.now += 2
    assert LeaseState.HELD is cache.lease("a", seconds=3, timeout=5).state
    clock.now += 2
    second = cache.lease("a", seconds=3, timeout=5)
    first.release(timeout=5)

    assert (False, True) == (first.renew(timeout=5), second.renew(timeout=5))
    assert not cache.lease("a", seconds=3, timeout=5).renew(timeout=5)
    cache.lease("a", seconds=3, timeout=5).release(timeout=5)
    assert second.renew(timeout=5)


def test_an_entry_of_a_larger_number_stays(cache: MemoryCache) -> None:
    """A holder that was overtaken does not replace what its successor wrote; a write without number does."""
    cache.write("a", b"successor", lifetime=10, number=2, timeout=5)
    cache.write("a", b"overtaken", lifetime=10, number=1, timeout=5)
    assert b"successor" == cache.read("a", timeout=5)
    cache.write("a", b"unordered", lifetime=10, timeout=5)

    assert b"unordered" == cache.read("a", timeout=5)


def test_a_child_process_holds_no_lease_of_its_parent(cache: MemoryCache) -> None:
    """After a fork the leases are gone with the threads that held them."""
    held = cache.lease("a", seconds=3, timeout=5)
    cache.after_fork()

    assert not held.renew(timeout=5)
    assert LeaseState.ACQUIRED is cache.lease("a", seconds=3, timeout=5).state


def test_only_the_shared_cache_offers_leases(cache: MemoryCache, shared: MemoryCache) -> None:
    """The calls of one engine need no lease; engines that share do."""
    assert (False, True) == (cache.capabilities.leases, shared.capabilities.leases)
    assert isinstance(shared, LeasingCache)
