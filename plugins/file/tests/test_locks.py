"""Locks and leases: what stands in their place, who takes over, and who only thinks it holds."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file.operations import SYSTEM

KEY = "0123456789abcdef" * 4


def plant(path, kind, victim):
    """Put something in the place of a lock."""
    path.unlink(missing_ok=True)
    if kind == "symlink":
        path.symlink_to(victim)
    elif kind == "dangling":
        path.symlink_to("/tmp/dangling-lock-canary")
    elif kind == "hard link":
        os.link(victim, path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "open to all":
        path.touch()
        path.chmod(0o666)
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "socket":
        os.mknod(path, stat.S_IFSOCK | 0o600)
    else:
        if os.geteuid() != 0:
            pytest.skip("only root can make devices, and CI is root")
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))


KINDS = [
    "symlink",
    "dangling",
    "hard link",
    "folder",
    "open to all",
    "fifo",
    "socket",
    "device",
]


@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"140-{kind}") for kind in KINDS])
def test_what_stands_in_the_place_of_the_folder_s_lock(hands, victim, kind):
    """It is refused by its code at once, not followed, not truncated, and nothing is written."""
    cache = hands.kept()
    plant(hands.lock, kind, victim)
    for call in (
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
        lambda: cache.lease(KEY, seconds=60, timeout=5),
        partial(cache.clear, timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match="/lock ") as caught:
            call()
        assert "cache.lock_unsafe" == caught.value.code

    assert (b"kept", []) == (cache.read(KEY, timeout=5), hands.torn())
    assert not os.path.lexists("/tmp/dangling-lock-canary")


@pytest.mark.parametrize("kind", [pytest.param(kind, id=f"140-{kind}") for kind in KINDS])
def test_what_stands_in_the_place_of_a_lease(hands, victim, kind):
    """Nobody has that lease, the target is left alone, and entries are kept all the same."""
    cache = hands.kept()
    plant(hands.lease, kind, victim)
    with pytest.raises(CacheUnavailable, match=f"{KEY}.lease ") as caught:
        cache.lease(KEY, seconds=60, timeout=5)
    cache.write(KEY, b"new", lifetime=60, timeout=5)

    assert "cache.lock_unsafe" == caught.value.code
    assert b"new" == cache.read(KEY, timeout=5)
    assert not os.path.lexists("/tmp/dangling-lock-canary")


def test_fault_140_the_owner_of_a_lock_counts(hands):
    """A lock of another user is none of ours."""
    hands.kept()
    users = iter([os.geteuid(), os.geteuid() + 1])
    with pytest.raises(CacheUnavailable) as caught:
        hands.cache(user=lambda: next(users)).discard(KEY, timeout=5)

    assert "cache.lock_unsafe" == caught.value.code


def test_the_two_who_make_a_lock_at_once(hands):
    """A caller that comes second opens what the first has made."""
    hands.place.mkdir(0o700)
    late = []

    def slow_open(path, flags, *args, **keywords):
        if path == "lock" and flags & os.O_CREAT and not late:
            late.append(path)
            hands.lock.touch(0o600)
        return os.open(path, flags, *args, **keywords)

    cache = hands.cache(open=slow_open)
    cache.write(KEY, b"x", lifetime=60, timeout=5)

    assert (["lock"], b"x") == (late, cache.read(KEY, timeout=5))


def test_a_lock_that_a_cleaner_removed_is_made_anew(hands):
    """A caller that has locked a file that is gone by then locks the one that is there."""
    removed = []

    def lock(descriptor):
        if not removed:
            removed.append(descriptor)
            hands.lock.unlink()
        return SYSTEM.lock(descriptor)

    cache = hands.cache(lock=lock)
    cache.write(KEY, b"x", lifetime=60, timeout=5)

    assert hands.lock.exists()
    assert b"x" == cache.read(KEY, timeout=5)


def test_a_lock_whose_holder_stands_still_is_waited_for_two_seconds(hands):
    """Then it is told, and nothing was changed; reading needs no lock."""
    hands.kept()
    now = [0.0]
    naps = []

    def sleep(seconds):
        naps.append(seconds)
        now[0] += seconds

    cache = hands.cache(lock=lambda _: False, monotonic=lambda: now[0], sleep=sleep)
    with pytest.raises(CacheUnavailable, match="held for too long") as caught:
        cache.write(KEY, b"new", lifetime=60, timeout=5)

    assert ("cache.unavailable", True) == (caught.value.code, caught.value.retryable)
    assert 2.0 <= sum(naps) < 2.1
    assert (b"kept", []) == (cache.read(KEY, timeout=5), hands.torn())


def test_a_lease_that_lapsed_is_lost_for_good(hands):
    """Its holder is told when it looks, and giving it back does not touch its successor's."""
    now = [time.time()]
    one, other = (hands.cache(wall=lambda: now[0]) for _ in range(2))
    lapsed = one.lease(KEY, seconds=3, timeout=5)
    now[0] += 2.9
    early = other.lease(KEY, seconds=3, timeout=5).state
    now[0] += 0.2
    held = other.lease(KEY, seconds=3, timeout=5)

    assert (LeaseState.HELD, LeaseState.ACQUIRED) == (early, held.state)
    assert lapsed.number < held.number
    assert (False, True) == (lapsed.renew(timeout=5), held.renew(timeout=5))
    lapsed.release(timeout=5)
    assert LeaseState.HELD is one.lease(KEY, seconds=3, timeout=5).state
    assert [] == hands.torn()


def test_of_many_who_find_it_lapsed_one_takes_over(hands):
    """Threads over caches of their own, all at once: one successor."""
    stale = hands.cache(wall=lambda: time.time() - 60)
    stale.lease(KEY, seconds=3, timeout=5)
    caches = [hands.cache() for _ in range(8)]
    start = threading.Barrier(8)
    leases = []

    def ask(cache):
        start.wait()
        leases.append(cache.lease(KEY, seconds=30, timeout=5))

    threads = [threading.Thread(target=ask, args=(cache,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == [each.state for each in leases].count(LeaseState.ACQUIRED)


def test_a_sign_of_life_from_the_future_is_none(hands):
    """After the clock was set back by an hour, a holder that stands still is not obeyed for that hour."""
    hands.cache(wall=lambda: time.time() + 3600).lease(KEY, seconds=3, timeout=5)

    assert LeaseState.ACQUIRED is hands.cache().lease(KEY, seconds=3, timeout=5).state


def test_numbers_grow_though_the_clock_goes_back(hands):
    """Neither a clock set back nor a lost counter brings an old number."""
    later = hands.cache(wall=lambda: time.time() + 3600)
    first = later.lease(KEY, seconds=3, timeout=5)
    later.write(KEY, b"x", lifetime=7200, number=first.number, timeout=5)
    first.release(timeout=5)
    cache = hands.cache()
    second = cache.lease(KEY, seconds=3, timeout=5)
    second.release(timeout=5)
    hands.lease.unlink()
    third = cache.lease(KEY, seconds=3, timeout=5)

    assert first.number < second.number
    assert first.number < third.number


@pytest.mark.parametrize("content", [b"", b"12", b"x" * 20, b"-0000000000000000001", b"\xb2" * 20])
def test_a_damaged_counter_counts_as_none(hands, content):
    """Numbers then go on from the clock."""
    hands.place.mkdir(0o700)
    hands.lease.write_bytes(content)
    hands.lease.chmod(0o600)
    before = int(time.time() * 1_000_000)

    assert before <= hands.cache().lease(KEY, seconds=3, timeout=5).number <= before + 10_000_000


def test_fault_151_a_lease_that_a_cleaner_removed(hands):
    """Two may hold one then, and the first learns of it; the later entry stays, and is whole."""
    one, other = hands.cache(), hands.cache()
    first = one.lease(KEY, seconds=60, timeout=5)
    hands.lease.unlink()
    second = other.lease(KEY, seconds=60, timeout=5)
    other.write(KEY, b"second", lifetime=60, number=second.number, timeout=5)
    one.write(KEY, b"first", lifetime=60, number=first.number, timeout=5)

    assert [LeaseState.ACQUIRED] * 2 == [first.state, second.state]
    assert (False, True) == (first.renew(timeout=5), second.renew(timeout=5))
    assert b"second" == one.read(KEY, timeout=5)
    first.release(timeout=5)
    assert LeaseState.HELD is one.lease(KEY, seconds=60, timeout=5).state


def test_a_lease_in_a_folder_that_is_gone(hands):
    """It is lost, and says so."""
    cache = hands.cache()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    for path in list(hands.place.iterdir()):
        path.unlink()
    hands.place.rmdir()

    assert not lease.renew(timeout=5)
    lease.release(timeout=5)
    assert LeaseState.ACQUIRED is cache.lease(KEY, seconds=60, timeout=5).state


def test_a_larger_number_that_has_ended_is_in_nobody_s_way(hands):
    """Only a living entry is kept against a smaller number."""
    hands.cache(wall=lambda: time.time() - 7200).write(
        KEY, b"9", lifetime=3600, number=9, timeout=5
    )
    cache = hands.cache()
    cache.write(KEY, b"1", lifetime=60, number=1, timeout=5)

    assert b"1" == cache.read(KEY, timeout=5)


def test_closing_gives_back_what_is_held(hands):
    """A cache that is closed leaves nobody waiting, and no descriptor open."""
    before = len(os.listdir("/proc/self/fd"))
    cache = hands.cache()
    cache.lease(KEY, seconds=60, timeout=5)
    cache.close()

    assert LeaseState.ACQUIRED is hands.cache().lease(KEY, seconds=60, timeout=5).state
    hands.made[-1].close()
    assert before == len(os.listdir("/proc/self/fd"))


def test_a_child_closes_what_it_inherited_and_unlocks_nothing(hands):
    """After a fork amid a lease and amid a change, the parent's locks are the parent's."""
    in_lock, go_on = threading.Event(), threading.Event()

    def slow_rename(*args, **keywords):
        in_lock.set()
        go_on.wait()
        SYSTEM.rename(*args, **keywords)

    cache = hands.cache(rename=slow_rename)
    lease = cache.lease(KEY, seconds=60, timeout=5)
    lease.holding.file._guard.acquire()
    writer = threading.Thread(
        target=cache.write, args=(KEY, b"x"), kwargs={"lifetime": 60, "timeout": 5}
    )
    writer.start()
    in_lock.wait()
    child = _fork()
    if child == 0:  # pragma: no cover # measured in the parent only
        before = _ours(hands)
        cache.after_fork()
        after = _ours(hands)
        os._exit(0 if (before, after) == ([2, 1], [0, 0]) else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    free = hands.cache(monotonic=iter([0.0, 9.0]).__next__)
    with pytest.raises(CacheUnavailable, match="held for too long"):
        free.discard(KEY, timeout=5)
    go_on.set()
    writer.join()
    lease.holding.file._guard.release()

    assert 0 == code
    assert b"x" == cache.read(KEY, timeout=5)
    assert lease.renew(timeout=5)
    assert LeaseState.HELD is hands.cache().lease(KEY, seconds=60, timeout=5).state


def test_a_child_s_copy_of_a_lease_is_none(hands):
    """What a child inherited it cannot renew, and giving it back gives nothing back."""
    cache = hands.cache()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    child = os.fork()
    if child == 0:  # pragma: no cover # measured in the parent only
        cache.after_fork()
        holds = lease.renew(timeout=5)
        lease.release(timeout=5)
        os._exit(
            1 if holds or lease.holding.file.take() or lease.holding.file.last_heartbeat() else 0
        )

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert lease.renew(timeout=5)
    assert LeaseState.HELD is hands.cache().lease(KEY, seconds=60, timeout=5).state


def _fork():
    # A thread is under way on purpose: from 3.12 on, Python warns of what is tested here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _ours(hands):
    """Count the descriptors for lock files, and for the folder's."""
    opened = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            opened.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        except OSError as gone:
            assert errno.ENOENT == gone.errno
    locks = [path for path in opened if path in {hands.lock, hands.lease}]
    return [len(locks), locks.count(hands.lock)]
