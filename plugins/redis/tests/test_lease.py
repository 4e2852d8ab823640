"""Who of a fleet may mint: faults 163, 171 and 172."""

from __future__ import annotations

import time
from collections import Counter
from threading import Barrier, Thread

import pytest

from credicorp_auth.plugin.api import LeaseState

KEY, OTHER = "a1" * 32, "b2" * 32


@pytest.fixture
def server(servers):
    return servers.start()


@pytest.fixture
def cache(servers, server):
    return servers.cache(server)


@pytest.fixture
def client(servers, server):
    return servers.client(server)


def test_one_has_it(servers, server, cache):
    """Of all who ask one gets it; the others learn that it is held; another key is free."""
    first = cache.lease(KEY, seconds=3, timeout=5)
    second = servers.cache(server).lease(KEY, seconds=3, timeout=5)
    third = cache.lease(OTHER, seconds=3, timeout=5)

    assert [LeaseState.ACQUIRED, LeaseState.HELD, LeaseState.ACQUIRED] == [
        each.state for each in (first, second, third)
    ]
    assert (True, 0, True) == (first.number > 0, second.number, third.number > 0)
    assert (True, False) == (first.renew(timeout=5), second.renew(timeout=5))


def test_of_many_at_once_one_gets_it(servers, server):
    """Fifty threads over five caches that ask at one moment: one lease."""
    caches = [servers.cache(server) for _ in range(5)]
    together, states = Barrier(50), Counter()

    def ask(cache):
        together.wait()
        states[cache.lease(KEY, seconds=30, timeout=5).state] += 1

    threads = [Thread(target=ask, args=(caches[number % 5],)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {LeaseState.ACQUIRED: 1, LeaseState.HELD: 49} == states


def test_released_it_is_free(cache):
    """The next gets it with a larger number, and what the first still does changes nothing."""
    first = cache.lease(KEY, seconds=3, timeout=5)
    first.release(timeout=5)
    second = cache.lease(KEY, seconds=3, timeout=5)
    first.release(timeout=5)
    still = first.renew(timeout=5)

    assert (LeaseState.ACQUIRED, False, True) == (second.state, still, second.renew(timeout=5))
    assert second.number > first.number


def test_fault_171_a_dead_holder_is_in_nobodys_way(servers, cache, client):
    """A lease lapses in Redis; the successor's is renewed and released by the successor alone."""
    first = cache.lease(KEY, seconds=0.05, timeout=5)
    servers.wait_until(lambda: not client.exists(f"credicorp_auth:{{{KEY}}}:lease"))
    second = cache.lease(KEY, seconds=30, timeout=5)
    first.release(timeout=5)

    assert second.state is LeaseState.ACQUIRED
    assert not first.renew(timeout=5)
    assert cache.lease(KEY, seconds=30, timeout=5).state is LeaseState.HELD
    assert 20_000 < client.pttl(f"credicorp_auth:{{{KEY}}}:lease") <= 30_000
    second.release(timeout=5)
    assert not client.exists(f"credicorp_auth:{{{KEY}}}:lease")


def test_renewed_it_starts_anew(cache, client):
    """Renewing gives it its whole time again."""
    lease = cache.lease(KEY, seconds=30, timeout=5)
    name = f"credicorp_auth:{{{KEY}}}:lease"
    client.pexpire(name, 100)

    assert lease.renew(timeout=5)
    assert 20_000 < client.pttl(name) <= 30_000


def test_fault_172_what_a_holder_that_stood_still_writes_is_dropped(cache, client):
    """The result of a lease that has lapsed does not replace the successor's."""
    first = cache.lease(KEY, seconds=30, timeout=5)
    client.delete(f"credicorp_auth:{{{KEY}}}:lease")  # as when it lapses
    second = cache.lease(KEY, seconds=30, timeout=5)
    cache.write(KEY, b"new", lifetime=10, number=second.number, timeout=5)
    cache.write(KEY, b"old", lifetime=10, number=first.number, timeout=5)

    assert b"new" == cache.read(KEY, timeout=5)
    assert not first.renew(timeout=5)


def test_numbers_grow_when_all_is_lost(cache, client):
    """A number is never behind the server's clock, nor behind the last, no matter what the clock does."""
    numbers = []
    for _ in range(3):
        lease = cache.lease(KEY, seconds=3, timeout=5)
        numbers.append(lease.number)
        lease.release(timeout=5)
    client.flushall()
    numbers.append(cache.lease(KEY, seconds=3, timeout=5).number)
    ahead = numbers[-1] + 10**12  # as if the server's clock had stepped back
    client.set(f"credicorp_auth:{{{OTHER}}}:number", ahead)

    assert sorted(set(numbers)) == numbers
    assert abs(numbers[-1] / 1e6 - time.time()) < 60
    assert ahead + 1 == cache.lease(OTHER, seconds=3, timeout=5).number


def test_counters_do_not_stay_for_ever(cache, client):
    """The counter ends two days after the last lease, when the clock has long passed it."""
    cache.lease(KEY, seconds=3, timeout=5)

    assert 0 < client.pttl(f"credicorp_auth:{{{KEY}}}:number") <= 172_800_000


def test_while_redis_is_down_a_lease_holds_for_its_time(servers, server, cache):
    """A holder that cannot ask goes by its own clock; releasing raises nothing; others get none."""
    long, short = (
        cache.lease(KEY, seconds=60, timeout=5),
        cache.lease(OTHER, seconds=0.01, timeout=5),
    )
    server.kill()
    time.sleep(0.02)

    assert (True, False) == (long.renew(timeout=5), short.renew(timeout=5))
    long.release(timeout=5)
    failed = cache.lease(KEY, seconds=3, timeout=5)
    assert (LeaseState.FAILED, 0, False) == (failed.state, failed.number, failed.renew(timeout=5))
    failed.release(timeout=5)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_lease_of_senseless_length(cache, client, seconds):
    """It lapses, at once or in a year, and raises nothing."""
    assert LeaseState.ACQUIRED is cache.lease(KEY, seconds=seconds, timeout=5).state
    assert client.pttl(f"credicorp_auth:{{{KEY}}}:lease") != -1
