"""When the operating system refuses: faults 142, 143 and 144."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import traceback

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file.failures import perform

KEY = "0123456789abcdef" * 4
SOMEBODY = 12345


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
        pytest.param(errno.ENOLCK, "cache.unavailable", id="144-no locks"),
        pytest.param(None, "cache.unavailable", id="144-no number"),
    ],
)
def test_what_the_system_refuses_is_ours(number, code):
    """The error is ours, names the reason, and does not reach what the operation had in its hands."""
    canary = os.urandom(8).hex()

    def write():
        raise OSError(number, "refused", canary)

    with pytest.raises(CacheUnavailable) as caught:
        perform("/var/tokens", write)
    shown = "".join(traceback.format_exception(caught.value))

    assert (code, code == "cache.unavailable") == (caught.value.code, caught.value.retryable)
    assert os.strerror(number or 0) in str(caught.value)
    assert "/var/tokens" in str(caught.value)
    assert canary not in shown
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


@pytest.mark.parametrize("size", [0, 100])
def test_fault_142_a_file_that_is_written_in_part(hands, small_files, size):
    """142: the entry of before is there, nothing torn is left, and the next one is kept."""
    cache = hands.kept()
    with small_files(size), pytest.raises(CacheUnavailable, match="File too large") as caught:
        cache.write(KEY, b"new" * 1000, lifetime=60, timeout=5)

    assert ("cache.unavailable", True) == (caught.value.code, caught.value.retryable)
    assert ([f"{KEY}.json", "lock"], b"kept") == (hands.names(), cache.read(KEY, timeout=5))
    cache.write(KEY, b"new", lifetime=60, timeout=5)
    assert b"new" == cache.read(KEY, timeout=5)


def test_fault_142_a_lease_that_cannot_be_written(hands, small_files):
    """142: nobody has it then; a holder that cannot renew it has it until its time is over."""
    cache = hands.cache()
    with small_files(0), pytest.raises(CacheUnavailable):
        cache.lease(KEY, seconds=60, timeout=5)
    long, short = (
        cache.lease(key, seconds=after, timeout=5) for key, after in ((KEY, 60), ("k", 0))
    )
    with small_files(0):
        renewed = [each.renew(timeout=5) for each in (long, short)]

    assert [LeaseState.ACQUIRED] * 2 == [long.state, short.state]
    assert [True, False] == renewed
    assert [True, True] == [each.renew(timeout=5) for each in (long, short)]


def test_fault_142_a_disk_that_fills_up(tiny):
    """142: an entry too large for it is not kept, what was there is, and a small one fits again."""
    cache = tiny.kept()
    with pytest.raises(CacheUnavailable, match="No space left") as caught:
        cache.write(KEY, b"x" * 200_000, lifetime=60, timeout=5)

    assert ("cache.unavailable", True) == (caught.value.code, caught.value.retryable)
    assert ([f"{KEY}.json", "lock"], b"kept") == (tiny.names(), cache.read(KEY, timeout=5))
    cache.write(KEY, b"small", lifetime=60, timeout=5)
    assert b"small" == cache.read(KEY, timeout=5)


def test_fault_143_a_disk_that_is_read_only(tiny):
    """143: entries are read, writing is refused by its code, and a lease is released in peace."""
    cache = tiny.kept()
    lease = cache.lease("held", seconds=0, timeout=5)
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
    lease.release(timeout=5)

    assert b"kept" == cache.read(KEY, timeout=5)
    assert not lease.renew(timeout=5)


@pytest.mark.parametrize("mode", [0o500, 0o300])
def test_fault_143_a_folder_that_this_user_may_not_use(hands, as_somebody, open_folder, mode):
    """143: one that cannot be written to is read, and one that cannot be listed is written to."""
    hands.place = open_folder / "above" / "tokens"
    with as_somebody():
        hands.place.parent.mkdir(0o700)
        cache = hands.kept()
        hands.place.chmod(mode)
        refused = cache.entries
        if mode == 0o300:
            cache.write(KEY, b"kept", lifetime=60, timeout=5)
        else:
            refused = cache.clear
        with pytest.raises(CacheUnavailable, match="Permission denied") as caught:
            refused(timeout=5)
        assert "cache.permissions" == caught.value.code
        assert b"kept" == cache.read(KEY, timeout=5)

    assert SOMEBODY == (hands.place / hands.record.name).stat().st_uid


def test_a_file_where_the_folder_would_be(hands):
    """A path that is no folder says so."""
    hands.place.write_bytes(b"x")
    with pytest.raises(CacheUnavailable, match="no folder") as caught:
        hands.cache().write(KEY, b"x", lifetime=60, timeout=5)

    assert "cache.permissions" == caught.value.code


def test_a_file_above_the_folder(hands):
    """Nor can a folder be made below a file."""
    hands.place.write_bytes(b"x")
    hands.place /= "deeper"
    with pytest.raises(CacheUnavailable, match="Not a directory") as caught:
        hands.cache().write(KEY, b"x", lifetime=60, timeout=5)

    assert "cache.permissions" == caught.value.code


UNLOCKED = """
import os, sys, warnings
sys.modules["fcntl"] = None
warnings.simplefilter("ignore")
from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_file import CacheOptions, FileCache
key, cache = sys.argv[2], FileCache(CacheOptions(directory=sys.argv[1]))
for call in (
    lambda: cache.write(key, b"new", lifetime=60, timeout=5),
    lambda: cache.discard(key, timeout=5),
    lambda: cache.lease(key, seconds=60, timeout=5),
):
    try:
        call()
    except CacheUnavailable as refused:
        print(refused.code)
print(cache.read(key, timeout=5), len(os.listdir("/proc/self/fd")))
"""


def test_fault_144_without_locks_there_is_no_soft_lock(hands):
    """144: nothing is written, no file plays a lock, there is no lease, and entries are read."""
    hands.kept()
    before = hands.names()
    done = subprocess.run(
        [sys.executable, "-c", UNLOCKED, str(hands.place), KEY],
        capture_output=True,
        text=True,
        check=True,
        timeout=180,
    )
    *codes, read = done.stdout.splitlines()

    assert ["cache.unavailable"] * 3 == codes
    assert read.startswith("b'kept' ")
    assert before == hands.names()
