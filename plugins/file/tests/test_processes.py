"""Real processes over one folder: faults 145 and 147 to 150."""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file import CacheOptions, FileCache

pytestmark = pytest.mark.slow

KEY = "0123456789abcdef" * 4


@pytest.fixture
def run(hands):
    """Run programs in children, each with a cache of its own over the folder."""
    children = []

    def start(program, *args):
        child = os.fork()
        if child == 0:  # pragma: no cover # measured in the parent only
            code = 1
            try:
                program(FileCache(CacheOptions(directory=hands.place)), *args)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
        return child

    yield start
    for child in children:
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def ended(child):
    """Wait for a child, and return how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def write_for_ever(cache, reported):  # pragma: no cover # in children only
    """Write, with a lease, as fast as can be."""
    os.write(reported, b"x")
    number = 0
    while True:
        number += 1
        lease = cache.lease(KEY, seconds=60, timeout=5)
        cache.write(KEY, b"%d " % number * 500, lifetime=60, number=lease.number, timeout=5)
        lease.release(timeout=5)


def test_fault_145_killed_at_two_hundred_points(hands, run):
    """Whenever a writer is killed, the file holds one whole entry and every lock is free."""
    cache = hands.kept(b"0 " * 500)
    read_end, write_end = os.pipe()
    torn = 0
    for _ in range(200):
        child = run(write_for_ever, write_end)
        os.read(read_end, 1)
        time.sleep(random.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        entry = cache.read(KEY, timeout=5)
        torn += len(hands.torn())
        lease = cache.lease(KEY, seconds=60, timeout=5)

        assert entry is not None
        assert 1 == len(set(entry.split()))
        assert 500 == len(entry.split())
        assert lease.state is LeaseState.ACQUIRED
        lease.release(timeout=5)
        cache.write(KEY, b"0 " * 500, lifetime=60, timeout=5)
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert torn > 0  # or else no writer was killed amid its work


def write_many(cache, mine):  # pragma: no cover # in children only
    """Write a thousand entries of one's own."""
    for number in range(1_000):
        cache.write(KEY, b"%s %d " % (mine, number) * 100, lifetime=60, timeout=5)


def test_fault_147_two_write_at_once_a_thousand_times(hands, run):
    """A caller that reads meanwhile meets whole entries only, and the last one of a writer stays."""
    cache = hands.kept(b"begin 0 " * 100)
    writers = [run(write_many, mine) for mine in (b"one", b"other")]
    reads = 0
    while any(
        os.waitid(os.P_PID, each, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None for each in writers
    ):
        entry = cache.read(KEY, timeout=5)
        reads += 1
        assert entry is not None
        assert entry[: len(entry) // 100] * 100 == entry

    assert [0, 0] == [ended(each) for each in writers]
    assert cache.read(KEY, timeout=5)[:8] in {b"one 999 ", b"other 99"}
    assert reads > 100
    assert [] == hands.torn()


def obtain(cache, gate, mints):  # pragma: no cover # in children only
    """Obtain an entry as an engine does: read, or mint under the lease, or wait."""
    os.read(gate, 1)
    while cache.read(KEY, timeout=5) is None:
        try:
            lease = cache.lease(KEY, seconds=30, timeout=5)
        except CacheUnavailable:
            continue  # a hundred on a busy machine: the lock was not available in two seconds
        if lease.state is LeaseState.ACQUIRED:
            if cache.read(KEY, timeout=5) is None:
                os.write(mints, b"m")
                time.sleep(0.05)
                cache.write(KEY, b"minted", lifetime=60, number=lease.number, timeout=5)
            lease.release(timeout=5)
        else:
            time.sleep(0.02)


def test_fault_148_a_hundred_start_cold(hands, run):
    """A hundred processes that find nothing at the same moment mint once."""
    gate, open_gate = os.pipe()
    minted, mints = os.pipe()
    children = [run(obtain, gate, mints) for _ in range(100)]
    os.write(open_gate, b"x" * 100)
    codes = {ended(each) for each in children}
    os.close(mints)
    with os.fdopen(minted, "rb") as reported:
        count = len(reported.read())
    for descriptor in (gate, open_gate):
        os.close(descriptor)

    assert {0} == codes
    assert 1 == count
    assert b"minted" == hands.cache().read(KEY, timeout=5)


def contend(cache, place, reported):  # pragma: no cover # in children only
    """Have the lease a hundred times, and find nobody else to have it at the same time."""
    had = 0
    while had < 100:
        lease = cache.lease(KEY, seconds=60, timeout=5)
        if lease.state is LeaseState.ACQUIRED:
            os.close(os.open(place.parent / "mine", os.O_CREAT | os.O_EXCL))
            os.write(reported, b"%020d" % lease.number)
            assert lease.renew(timeout=5)
            (place.parent / "mine").unlink()
            lease.release(timeout=5)
            had += 1


def test_eight_processes_never_hold_it_together(hands, run):
    """Of processes that ask all the time one has it, and numbers grow in the order of having."""
    read_end, write_end = os.pipe()
    children = [run(contend, hands.place, write_end) for _ in range(8)]
    numbers = [int(os.read(read_end, 20)) for _ in range(800)]
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert {0} == {ended(each) for each in children}
    assert sorted(set(numbers)) == numbers


def hold(cache, reported):  # pragma: no cover # in children only
    """Take the lease, say so, and do nothing more."""
    lease = cache.lease(KEY, seconds=3_600, timeout=5)
    os.write(reported, b"%d" % lease.number)
    signal.pause()


def test_fault_149_a_holder_that_is_killed_is_followed_at_once(hands, run):
    """The kernel frees the lease of the dead; its age has no part in it."""
    read_end, write_end = os.pipe()
    child = run(hold, write_end)
    number = int(os.read(read_end, 30))
    cache = hands.cache()
    before = cache.lease(KEY, seconds=3_600, timeout=5)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    after = cache.lease(KEY, seconds=3_600, timeout=5)
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert (LeaseState.HELD, LeaseState.ACQUIRED) == (before.state, after.state)
    assert number < after.number


def hold_and_write(cache, reported, woken):  # pragma: no cover # in children only
    """Take the lease, be stopped, and go on as if nothing had been."""
    lease = cache.lease(KEY, seconds=1, timeout=5)
    os.write(reported, b"%d" % lease.number)
    os.read(woken, 1)
    kept = lease.renew(timeout=5)
    cache.write(KEY, b"old", lifetime=60, number=lease.number, timeout=5)
    lease.release(timeout=5)
    os.write(reported, b"kept" if kept else b"lost")


def test_fault_150_a_holder_that_stands_still_is_followed_and_does_no_harm(hands, run):
    """One successor takes over; the former, woken, learns of it, and its entry is late."""
    reported, emit = os.pipe()
    woken, wake = os.pipe()
    child = run(hold_and_write, emit, woken)
    number = int(os.read(reported, 30))
    os.kill(child, signal.SIGSTOP)
    cache = hands.cache()
    states = set()
    while (lease := cache.lease(KEY, seconds=0.5, timeout=5)).state is not LeaseState.ACQUIRED:
        states.add(lease.state)
        time.sleep(0.01)
    cache.write(KEY, b"new", lifetime=60, number=lease.number, timeout=5)
    os.kill(child, signal.SIGCONT)
    os.write(wake, b"x")
    response = os.read(reported, 30)
    for descriptor in (reported, emit, woken, wake):
        os.close(descriptor)

    assert (b"lost", 0) == (response, ended(child))
    assert states <= {LeaseState.HELD}
    assert number < lease.number
    assert b"new" == cache.read(KEY, timeout=5)
    assert lease.renew(timeout=5)
    assert LeaseState.HELD is hands.cache().lease(KEY, seconds=60, timeout=5).state


def test_stopped_at_random_points_nobody_waits_for_ever(hands, run):
    """Wherever a writer is stopped, others have the lease in the end, or are told; never a torn entry."""
    cache = hands.kept(b"0 " * 500)
    read_end, write_end = os.pipe()
    for _ in range(20):
        child = run(write_for_ever, write_end)
        os.read(read_end, 1)
        time.sleep(random.uniform(0, 0.004))
        os.kill(child, signal.SIGSTOP)
        entry = cache.read(KEY, timeout=5)

        assert entry is not None
        assert 1 == len(set(entry.split()))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert LeaseState.ACQUIRED is cache.lease(KEY, seconds=0, timeout=5).state
    for descriptor in (read_end, write_end):
        os.close(descriptor)
