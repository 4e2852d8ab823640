"""When the operating system refuses: faults 142, 143 and 144."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file.operations import SYSTEM

KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize("operation", ["write", "fsync", "fchmod", "rename", "open"])
@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(errno.ENOSPC, "cache.unavailable", id="142-disk full"),
        pytest.param(errno.EROFS, "cache.permissions", id="143-read-only"),
        pytest.param(errno.EACCES, "cache.permissions", id="143-denied"),
        pytest.param(errno.EPERM, "cache.permissions", id="143-not permitted"),
        pytest.param(errno.EDQUOT, "cache.unavailable", id="144-quota exceeded"),
        pytest.param(errno.EIO, "cache.unavailable", id="144-i/o error"),
        pytest.param(errno.ESTALE, "cache.unavailable", id="144-stale handle"),
    ],
)
def test_what_cannot_be_written_leaves_all_as_it_was(failing, hands, operation, number, code):
    """The error is ours, no torn file is left, and the entry of before is there."""
    hands.kept()
    cache = hands.cache(**{operation: failing(number)})
    with pytest.raises(CacheUnavailable) as caught:
        cache.write(KEY, b"new", lifetime=60, timeout=5)

    assert (code, code == "cache.unavailable") == (caught.value.code, caught.value.retryable)
    assert os.strerror(number) in str(caught.value)
    assert [] == hands.torn()
    assert b"kept" == hands.cache().read(KEY, timeout=5)


@pytest.mark.parametrize("operation", ["open", "read", "fstat"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_fault_144_what_cannot_be_read_is_ours(failing, hands, operation, number):
    """A read that fails is one of our errors."""
    hands.kept()
    with pytest.raises(CacheUnavailable):
        hands.cache(**{operation: failing(number)}).read(KEY, timeout=5)


def test_a_full_disk_where_the_folder_would_be(failing, hands):
    """Nor is a folder that cannot be made anybody else's error."""
    with pytest.raises(CacheUnavailable) as caught:
        hands.cache(mkdir=failing(errno.ENOSPC)).write(KEY, b"x", lifetime=60, timeout=5)

    assert "cache.unavailable" == caught.value.code


def test_a_file_where_the_folder_would_be(hands):
    """A path that is no folder says so."""
    hands.place.write_bytes(b"x")
    with pytest.raises(CacheUnavailable, match="Not a directory"):
        hands.cache().write(KEY, b"x", lifetime=60, timeout=5)


def test_a_folder_that_another_makes_meanwhile(hands):
    """Two who make the folder at once both have it."""

    def mkdir(path, mode):
        SYSTEM.mkdir(path, mode)
        SYSTEM.mkdir(path, mode)

    cache = hands.cache(mkdir=mkdir)
    cache.write(KEY, b"x", lifetime=60, timeout=5)

    assert b"x" == cache.read(KEY, timeout=5)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_fault_144_without_locks_there_is_no_soft_lock(failing, hands, number):
    """The lease has failed, nothing is written, no file plays a lock, and entries are read."""
    hands.kept()
    before = hands.names()
    cache = hands.cache(lock=failing(number), unlock=failing(number))
    lease = cache.lease(KEY, seconds=60, timeout=5)

    assert (LeaseState.FAILED, 0, False) == (lease.state, lease.number, lease.renew(timeout=5))
    lease.release(timeout=5)
    for call in (
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
    ):
        with pytest.raises(CacheUnavailable) as caught:
            call()
        assert "cache.unavailable" == caught.value.code
    assert (before, b"kept") == (hands.names(), cache.read(KEY, timeout=5))


@pytest.mark.parametrize("operation", ["pwrite", "utime", "pread"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_a_lease_that_cannot_be_noted_is_given_back(failing, hands, operation, number):
    """It is one of our errors, and the next who asks has it."""
    hands.kept()
    with pytest.raises(CacheUnavailable):
        hands.cache(**{operation: failing(number)}).lease(KEY, seconds=60, timeout=5)
    lease = hands.cache().lease(KEY, seconds=60, timeout=5)

    assert lease.state is LeaseState.ACQUIRED


@pytest.mark.parametrize("operation", ["rename", "pwrite", "fsync"])
def test_a_take_over_that_fails_changes_nothing(failing, hands, operation):
    """The one that stands still keeps it, and nothing torn is left."""
    held = hands.cache().lease(KEY, seconds=60, timeout=5)
    with pytest.raises(CacheUnavailable):
        hands.cache(**{operation: failing(errno.EIO)}).lease(KEY, seconds=0, timeout=5)

    assert held.renew(timeout=5)
    assert [] == hands.torn()


@pytest.mark.parametrize("operation", ["stat", "utime", "lock", "open"])
def test_a_sign_of_life_that_cannot_be_left(hands, operation):
    """Nobody can tell whether it still holds, so it does not say so."""
    responses = iter([])

    def sometimes(*args, **keywords):
        for response in responses:
            raise response
        return getattr(SYSTEM, operation)(*args, **keywords)

    held = hands.cache(**{operation: sometimes}).lease(KEY, seconds=60, timeout=5)
    responses = iter([OSError(errno.EIO, "i/o error")])

    assert (False, True) == (held.renew(timeout=5), held.renew(timeout=5))


@pytest.fixture
def tiny(hands):
    """The folder on a disk of 64 KiB."""
    hands.place.mkdir(0o700)
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "none", str(hands.place)]
    mounted = subprocess.run(command, check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("only root can mount a file system, and CI is root")
    yield hands
    subprocess.run(["umount", str(hands.place)], check=True)


def test_fault_142_a_disk_that_fills_up(tiny):
    """An entry too large for the disk is not kept, what was there is, and a small one fits again."""
    cache = tiny.kept()
    with pytest.raises(CacheUnavailable, match="No space left") as caught:
        cache.write(KEY, b"x" * 200_000, lifetime=60, timeout=5)

    assert ("cache.unavailable", True) == (caught.value.code, caught.value.retryable)
    assert ([], b"kept") == (tiny.torn(), cache.read(KEY, timeout=5))
    cache.write(KEY, b"small", lifetime=60, timeout=5)
    assert b"small" == cache.read(KEY, timeout=5)


def test_fault_143_a_disk_that_is_read_only(tiny):
    """Entries are read, and writing is refused by its code."""
    cache = tiny.kept()
    remount = ["mount", "-o", "remount,ro", str(tiny.place)]
    subprocess.run(remount, check=True)
    for call in (
        lambda: cache.write(KEY, b"new", lifetime=60, timeout=5),
        lambda: cache.lease(KEY, seconds=60, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
    ):
        with pytest.raises(CacheUnavailable, match="Read-only") as caught:
            call()
        assert "cache.permissions" == caught.value.code

    assert b"kept" == cache.read(KEY, timeout=5)
