"""Locks and leases: what stands in their place, who takes over, and who only thinks it holds."""

from __future__ import annotations

import json
import os
import stat
import threading
import time

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file.folder import Folder

KEY = "0123456789abcdef" * 4
SOMEBODY = 12345
ENDED = 4_000_000  # more than any system counts its processes to


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
    before = hands.names()
    for call in (
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
        lambda: cache.lease(KEY, seconds=60, timeout=5),
        lambda: cache.clear(timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match="/lock ") as caught:
            call()
        assert "cache.lock_unsafe" == caught.value.code

    assert (b"kept", before) == (cache.read(KEY, timeout=5), hands.names())
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away, and CI is root")
def test_fault_140_the_owner_of_a_lock_counts(hands):
    """A lock of another user is none of ours."""
    cache = hands.kept()
    os.chown(hands.lock, SOMEBODY, SOMEBODY)
    with pytest.raises(CacheUnavailable, match=f"belongs to user {SOMEBODY}") as caught:
        cache.discard(KEY, timeout=5)

    assert "cache.lock_unsafe" == caught.value.code


def test_a_lock_that_a_cleaner_removed_is_made_anew(hands):
    """A caller that waits for a file which is gone by then locks the one that is there."""
    cache = hands.kept()
    with hands.held_lock():
        writer = threading.Thread(
            target=cache.write, args=(KEY, b"x"), kwargs={"lifetime": 60, "timeout": 60}
        )
        writer.start()
        hands.lock.unlink()
        writer.join()

    assert hands.lock.exists()
    assert b"x" == cache.read(KEY, timeout=5)


def test_a_lock_whose_holder_stands_still_is_waited_for_as_long_as_there_is_time(hands):
    """Then it is told, and nothing was changed; reading needs no lock."""
    cache = hands.kept()
    with hands.held_lock():
        for timeout in (-1, 0, 0.05):
            with pytest.raises(CacheUnavailable, match="held for too long") as caught:
                cache.write(KEY, b"new", lifetime=60, timeout=timeout)
            assert ("cache.unavailable", True) == (caught.value.code, caught.value.retryable)
        assert ([f"{KEY}.json", "lock"], b"kept") == (hands.names(), cache.read(KEY, timeout=5))

    cache.write(KEY, b"new", lifetime=60, timeout=0)
    assert b"new" == cache.read(KEY, timeout=5)


def test_who_waits_for_the_lock_leaves_when_another_has_the_lease(hands):
    """A lease that is taken in the meantime ends the wait, though the lock is still held."""
    cache = hands.cache()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    content = hands.lease.read_bytes()
    lease.release(timeout=5)
    states = []
    with hands.held_lock():
        asker = threading.Thread(
            target=lambda: states.append(cache.lease(KEY, seconds=60, timeout=60).state)
        )
        asker.start()
        asker.join(0.02)
        before = list(states)
        hands.put(hands.new, content)
        hands.new.rename(hands.lease)
        asker.join()

    assert ([], [LeaseState.HELD]) == (before, states)


def test_of_many_who_find_it_lapsed_one_takes_over(hands):
    """Threads over caches of their own, all at once: one successor."""
    hands.cache().lease(KEY, seconds=3, timeout=5)
    change(hands, renewed=time.time() - 60)
    caches = [hands.cache() for _ in range(8)]
    start = threading.Barrier(8)
    leases = []

    def ask(cache):
        start.wait()
        leases.append(cache.lease(KEY, seconds=30, timeout=60))

    threads = [threading.Thread(target=ask, args=(cache,)) for cache in caches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1 == [each.state for each in leases].count(LeaseState.ACQUIRED)


def change(hands, **members):
    """Change what the lease file says, as another host or an earlier time would have it."""
    found = json.loads(hands.lease.read_bytes())
    holder = {**found["holder"], **{each: members.pop(each) for each in HOLDER & set(members)}}
    hands.put(hands.lease, json.dumps({**found, "holder": holder, **members}).encode())


HOLDER = {"pid", "started", "boot", "namespace"}


@pytest.mark.parametrize(
    ("members", "state"),
    [
        pytest.param({}, LeaseState.HELD, id="149-as it is"),
        pytest.param({"pid": ENDED}, LeaseState.ACQUIRED, id="149-ended"),
        pytest.param({"started": 1}, LeaseState.ACQUIRED, id="149-the id is used again"),
        pytest.param({"pid": ENDED, "boot": "b"}, LeaseState.HELD, id="149-on another host"),
        pytest.param({"pid": ENDED, "namespace": "n"}, LeaseState.HELD, id="149-elsewhere"),
        pytest.param({"pid": ENDED, "holder": None}, LeaseState.HELD, id="149-not told"),
        pytest.param({"pid": "1"}, LeaseState.HELD, id="149-a text"),
        pytest.param({"pid": 0}, LeaseState.HELD, id="149-no process"),
        pytest.param({"pid": -1}, LeaseState.HELD, id="149-all processes"),
        pytest.param({"pid": 2**70}, LeaseState.HELD, id="149-beyond all ids"),
        pytest.param({"started": None}, LeaseState.HELD, id="149-nothing"),
        pytest.param({"renewed": time.time() - 61}, LeaseState.ACQUIRED, id="150-long ago"),
        pytest.param({"renewed": time.time() + 3600}, LeaseState.ACQUIRED, id="150-in an hour"),
        pytest.param({"renewed": "now"}, LeaseState.ACQUIRED, id="150-a text"),
        pytest.param({"owner": 7}, LeaseState.ACQUIRED, id="150-no owner"),
        pytest.param({"number": -1}, LeaseState.ACQUIRED, id="150-no number"),
    ],
)
def test_whose_lease_is_obeyed(hands, members, state):
    """It is free if it is too old or its holder has ended here; a holder elsewhere is left its time."""
    first = hands.cache().lease(KEY, seconds=60, timeout=5)
    change(hands, **members)
    second = hands.cache().lease(KEY, seconds=60, timeout=5)

    assert state is second.state
    if state is LeaseState.ACQUIRED:
        assert first.number < second.number
        assert (False, True) == (first.renew(timeout=5), second.renew(timeout=5))
        first.release(timeout=5)
        assert second.renew(timeout=5)


@pytest.mark.parametrize("kept_in", ["record", "lease"])
def test_numbers_grow_though_the_clock_goes_back(hands, kept_in):
    """An entry, or a lease that lapsed, made before the clock was set back has the smaller number."""
    cache = hands.cache()
    later = int((time.time() + 3600) * 1_000_000)
    first = cache.lease(KEY, seconds=60, timeout=5)
    if kept_in == "record":
        cache.write(KEY, b"x", lifetime=60, number=later, timeout=5)
        first.release(timeout=5)
    else:
        change(hands, number=later, renewed=time.time() + 3600)

    assert later < cache.lease(KEY, seconds=60, timeout=5).number


@pytest.mark.parametrize(
    "content", [b"", b"12", b"[1]", b"{}", b"x" * 20, b"\xb2" * 20, b"9" * 1_000_000]
)
def test_a_damaged_lease_counts_as_none(hands, content):
    """Numbers then go on from the clock."""
    hands.place.mkdir(0o700)
    hands.put(hands.lease, content)
    before = int(time.time() * 1_000_000)
    number = hands.cache().lease(KEY, seconds=3, timeout=5).number

    assert before <= number <= int(time.time() * 1_000_000)


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
    """It is lost, and says so; the next one makes the folder again."""
    cache = hands.cache()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    for path in list(hands.place.iterdir()):
        path.unlink()
    hands.place.rmdir()

    assert not lease.renew(timeout=5)
    lease.release(timeout=5)
    assert LeaseState.ACQUIRED is cache.lease(KEY, seconds=60, timeout=5).state


def test_a_lease_is_removed_when_it_is_released(hands):
    """What is left in the folder is the lock."""
    hands.cache().lease(KEY, seconds=60, timeout=5).release(timeout=5)

    assert ["lock"] == hands.names()


def test_a_larger_number_that_has_ended_is_in_nobody_s_way(hands):
    """Only a living entry is kept against a smaller number."""
    cache = hands.cache()
    cache.write(KEY, b"9", lifetime=0.001, number=9, timeout=5)
    while cache.read(KEY, timeout=5) is not None:
        time.sleep(0.001)
    cache.write(KEY, b"1", lifetime=60, number=1, timeout=5)

    assert b"1" == cache.read(KEY, timeout=5)


def test_no_file_is_open_between_two_calls(hands):
    """Neither an entry nor a lease keeps a descriptor, so a fork inherits none."""
    before = len(os.listdir("/proc/self/fd"))
    cache = hands.kept()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    lease.renew(timeout=5)
    cache.read(KEY, timeout=5)

    assert before == len(os.listdir("/proc/self/fd"))
    assert LeaseState.ACQUIRED is lease.state


def test_a_child_closes_the_lock_it_inherited_and_unlocks_nothing(hands):
    """After a fork amid a change, the lock is the parent's, and none of the child's."""
    cache = hands.kept()
    folder = Folder(str(hands.place))
    with folder.locked(5):
        child = os.fork()
        if child == 0:  # pragma: no cover # measured in the parent only
            before = count_locks(hands)
            folder.after_fork()
            folder.after_fork()
            os._exit(0 if (before, count_locks(hands)) == (1, 0) else 1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        with pytest.raises(CacheUnavailable, match="held for too long"):
            cache.discard(KEY, timeout=0)

    assert 0 == code
    assert cache.discard(KEY, timeout=0)


def count_locks(hands):
    """Count the descriptors for the lock."""
    lock = hands.lock.stat()
    return sum(
        os.path.samestat(lock, os.fstat(int(each)))
        for each in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{each}")
    )


def test_a_child_s_copy_of_a_lease_is_none(hands):
    """What a child inherited it cannot renew, and giving it back gives nothing back."""
    cache = hands.cache()
    lease = cache.lease(KEY, seconds=60, timeout=5)
    child = os.fork()
    if child == 0:  # pragma: no cover # measured in the parent only
        cache.after_fork()
        holds = lease.renew(timeout=5)
        lease.release(timeout=5)
        os._exit(1 if holds else 0)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert lease.renew(timeout=5)
    assert LeaseState.HELD is hands.cache().lease(KEY, seconds=60, timeout=5).state
