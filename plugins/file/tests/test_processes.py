"""Real processes over one folder: faults 145 and 147 to 150."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings

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


def test_fault_145_killed_at_any_point(hands, run, scale):
    """Whenever a writer is killed, one whole entry is there, and all is free for the next at once."""
    cache = hands.kept(b"0 " * 500)
    read_end, write_end = os.pipe()
    amid = 0
    for _ in range(max(20, int(300 * scale))):
        child = run(write_for_ever, write_end)
        os.read(read_end, 1)
        time.sleep(random.uniform(0, 0.004))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        entry = cache.read(KEY, timeout=5)
        amid += hands.lease.exists()
        lease = cache.lease(KEY, seconds=60, timeout=0)

        assert entry is not None
        assert 1 == len(set(entry.split()))
        assert 500 == len(entry.split())
        assert lease.state is LeaseState.ACQUIRED
        lease.release(timeout=0)
        cache.write(KEY, b"0 " * 500, lifetime=60, timeout=0)
        assert [f"{KEY}.json", "lock"] == hands.names()
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert amid > 0  # or else no writer was killed while it held the lease


def write_many(cache, mine, times):  # pragma: no cover # in children only
    """Write many entries of one's own."""
    for number in range(times):
        cache.write(KEY, b"%s %d " % (mine, number) * 100, lifetime=60, timeout=60)


def test_fault_147_two_write_at_once_a_thousand_times(hands, run, scale):
    """A caller that reads meanwhile meets whole entries only, and the last one of a writer stays."""
    times = max(100, int(1_000 * scale))
    cache = hands.kept(b"begin 0 " * 100)
    writers = [run(write_many, mine, times) for mine in (b"one", b"other")]
    reads = 0
    while any(
        os.waitid(os.P_PID, each, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None for each in writers
    ):
        entry = cache.read(KEY, timeout=5)
        reads += 1
        assert entry is not None
        assert entry[: len(entry) // 100] * 100 == entry

    last = b"%d" % (times - 1)
    assert [0, 0] == [ended(each) for each in writers]
    assert cache.read(KEY, timeout=5).split()[:2] in [[b"one", last], [b"other", last]]
    assert reads > 0
    assert [f"{KEY}.json", "lock"] == hands.names()


def obtain(cache, gate, mints):  # pragma: no cover # in children only
    """Obtain an entry as an engine does: read, or mint under the lease, or wait."""
    os.read(gate, 1)
    while cache.read(KEY, timeout=5) is None:
        try:
            lease = cache.lease(KEY, seconds=30, timeout=5)
        except CacheUnavailable:
            continue  # a hundred on a busy machine: the lock was not free in time
        if lease.state is LeaseState.ACQUIRED:
            if cache.read(KEY, timeout=5) is None:
                os.write(mints, b"m")
                time.sleep(0.05)
                cache.write(KEY, b"minted", lifetime=60, number=lease.number, timeout=5)
            lease.release(timeout=5)
        else:
            time.sleep(0.02)


def test_fault_148_a_hundred_start_cold(hands, run, scale):
    """A hundred processes, in part of the runs twenty, that find nothing at once mint once."""
    count_of_all = max(20, int(100 * scale))
    gate, open_gate = os.pipe()
    minted, mints = os.pipe()
    children = [run(obtain, gate, mints) for _ in range(count_of_all)]
    os.write(open_gate, b"x" * count_of_all)
    codes = {ended(each) for each in children}
    os.close(mints)
    with os.fdopen(minted, "rb") as reported:
        count = len(reported.read())
    for descriptor in (gate, open_gate):
        os.close(descriptor)

    assert {0} == codes
    assert 1 == count
    assert b"minted" == hands.cache().read(KEY, timeout=5)


def contend(cache, place, reported, times):  # pragma: no cover # in children only
    """Have the lease many times, and find nobody else to have it at the same time."""
    had = 0
    while had < times:
        lease = cache.lease(KEY, seconds=60, timeout=60)
        if lease.state is LeaseState.ACQUIRED:
            os.close(os.open(place.parent / "mine", os.O_CREAT | os.O_EXCL))
            os.write(reported, b"%020d" % lease.number)
            assert lease.renew(timeout=60)
            (place.parent / "mine").unlink()
            lease.release(timeout=60)
            had += 1
        else:
            time.sleep(0.005)


def test_eight_processes_never_hold_it_together(hands, run, scale):
    """Of processes that ask all the time one has it, and numbers grow in the order of having."""
    times = max(5, int(100 * scale))
    read_end, write_end = os.pipe()
    children = [run(contend, hands.place, write_end, times) for _ in range(8)]
    numbers = [int(os.read(read_end, 20)) for _ in range(8 * times)]
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert {0} == {ended(each) for each in children}
    assert sorted(set(numbers)) == numbers


def hold(cache, reported):  # pragma: no cover # in children only
    """Take the lease, say so, and do nothing more."""
    lease = cache.lease(KEY, seconds=3_600, timeout=5)
    os.write(reported, b"%d" % lease.number)
    signal.pause()


@pytest.mark.parametrize("is_waited_for", [True, False])
def test_fault_149_a_holder_that_is_killed_is_followed_at_once(hands, run, is_waited_for):
    """Its lease would last for an hour; it is free as soon as the holder has ended, waited for or not."""
    read_end, write_end = os.pipe()
    child = run(hold, write_end)
    number = int(os.read(read_end, 30))
    cache = hands.cache()
    before = cache.lease(KEY, seconds=3_600, timeout=5)
    os.kill(child, signal.SIGKILL)
    os.waitid(os.P_PID, child, os.WEXITED | (0 if is_waited_for else os.WNOWAIT))
    after = cache.lease(KEY, seconds=3_600, timeout=5)
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert (LeaseState.HELD, LeaseState.ACQUIRED) == (before.state, after.state)
    assert number < after.number


ELSEWHERE = """
import os, signal, sys
from credicorp_auth_file import CacheOptions, FileCache
lease = FileCache(CacheOptions(directory=sys.argv[1])).lease(sys.argv[2], seconds=3600, timeout=60)
print(os.getpid(), lease.state.name, flush=True)
signal.pause()
"""


@pytest.mark.parametrize("flags", ["--pid", "--pid --mount-proc"])
def test_fault_149_a_holder_in_another_container_is_left_its_time(hands, flags):
    """Its process id says nothing here, whether it sees our /proc or its own."""
    command = ["unshare", "--fork", "--kill-child", *flags.split(), sys.executable, "-c", ELSEWHERE]
    with subprocess.Popen([*command, str(hands.place), KEY], stdout=subprocess.PIPE) as holder:
        said = holder.stdout.readline().split()
        holder.kill()
    if not said:
        pytest.skip("only root has namespaces of process ids, and CI is root")

    assert [b"1", b"ACQUIRED"] == said
    assert LeaseState.HELD is hands.cache().lease(KEY, seconds=3_600, timeout=5).state
    assert LeaseState.ACQUIRED is hands.cache().lease(KEY, seconds=0, timeout=5).state


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
    outcomes = set()
    for _ in range(20):
        child = run(write_for_ever, write_end)
        os.read(read_end, 1)
        time.sleep(random.uniform(0, 0.004))
        os.kill(child, signal.SIGSTOP)
        entry = cache.read(KEY, timeout=5)

        assert entry is not None
        assert 1 == len(set(entry.split()))
        try:
            outcomes.add(cache.discard(KEY, expected=b"none", timeout=0.05))
        except CacheUnavailable as refused:
            outcomes.add(refused.code)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert LeaseState.ACQUIRED is cache.lease(KEY, seconds=0, timeout=5).state
    for descriptor in (read_end, write_end):
        os.close(descriptor)

    assert outcomes <= {False, "cache.unavailable"}


def use_all(cache, key):
    """Lease, write, read and discard, and find what was written."""
    lease = cache.lease(key, seconds=60, timeout=60)
    cache.write(key, key.encode(), lifetime=60, number=lease.number, timeout=60)
    found = cache.read(key, timeout=60)
    lease.release(timeout=60)
    return (LeaseState.ACQUIRED, key.encode(), True) == (
        lease.state,
        found,
        cache.discard(key, timeout=60),
    )


def test_forks_amid_busy_threads_leave_parent_and_child_at_work(hands, scale):
    """177: each child uses the cache that it inherited, while three threads of the parent do."""
    cache, done, works = hands.kept(), threading.Event(), []

    def keep_using(key):
        while not done.is_set():
            works.append(use_all(cache, key))

    threads = [threading.Thread(target=keep_using, args=(f"{each:064}",)) for each in range(3)]
    for thread in threads:
        thread.start()
    codes = [fork_and_use(cache) for _ in range(max(10, int(100 * scale)))]
    done.set()
    for thread in threads:
        thread.join()

    assert {0} == set(codes)
    assert {True} == set(works)
    assert [f"{KEY}.json", "lock"] == hands.names()


def fork_and_use(cache):
    # Threads are under way on purpose: from 3.12 on, Python warns of what is tested here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover # measured in the parent only
        cache.after_fork()
        os._exit(0 if use_all(cache, f"{os.getpid():064}") else 1)
    return ended(child)
