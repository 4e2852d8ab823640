"""
The cache where files are reached by their paths, and have no owners or modes: on Windows.

The system of these tests is Linux, but it removes and replaces no file that this process has open.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import suppress
from pathlib import PurePosixPath, PureWindowsPath
from types import SimpleNamespace

import pytest
from attrs import evolve

from credicorp_auth.errors import CacheUnavailable, InvalidSetting
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_file import CacheOptions, FileCache
from credicorp_auth_file.operations import SYSTEM
from credicorp_auth_file.options import normalize_directory
from credicorp_auth_testing.contracts.cache import CacheContract

KEY = "0123456789abcdef" * 4
DAY = 86_400.0


def refuse_open(path):
    """Fail as Windows does if this process has a file open."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.path.samestat(os.fstat(int(number)), os.lstat(path)):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def unlink(path):
    refuse_open(path)
    SYSTEM.unlink(path)


def rename(old, new):
    refuse_open(old)
    refuse_open(new)
    SYSTEM.rename(old, new)


def utime(path, times):
    assert isinstance(path, str)
    SYSTEM.utime(path, times)


WITHOUT = {"posix": False, "unlink": unlink, "rename": rename, "utime": utime}


@pytest.fixture
def build(hands):
    """Build caches over the folder; some operations may be others."""
    return lambda **operations: hands.cache(**{**WITHOUT, **operations})


@pytest.mark.slow
class TestFileCacheWithoutPosix(CacheContract):
    """Over files that are reached by their paths."""

    # A lease file cannot be replaced while its holder has it open: see below.
    test_it_lapses_without_a_sign_of_life = None
    test_a_lease_for_longer_than_is_asked_for_is_free = None
    test_what_a_lapsed_holder_writes_is_late = None

    def build_cache(self, place):
        return FileCache(CacheOptions(directory=place), system=evolve(SYSTEM, **WITHOUT))

    def break_cache(self, cache, place):
        place.rename(place.with_name("elsewhere"))
        place.symlink_to("elsewhere")


def test_fault_477_who_meets_a_hung_holder_mints_for_itself(build):
    """477: nobody takes over, nobody waits, and the holder that resumes has its lease still."""
    held = build().lease(KEY, seconds=60, timeout=5)
    asked = [build().lease(KEY, seconds=seconds, timeout=5).state for seconds in (60, 0)]

    assert [LeaseState.HELD, LeaseState.FAILED] == asked
    assert held.renew(timeout=5)


@pytest.mark.parametrize("failures", range(7))
def test_fault_155_a_replacement_that_meets_a_reader_is_tried_again(hands, build, failures):
    """155: five more times within 250 ms; then the entry of before is there, and nothing torn."""
    build().write(KEY, b"kept", lifetime=60, timeout=5)
    left, pauses = [None] * failures, []

    def meet_reader(old, new):
        if left:
            left.pop()
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), new)
        rename(old, new)

    cache = build(rename=meet_reader, sleep=pauses.append)
    if failures > 5:
        with pytest.raises(CacheUnavailable, match="cannot be used") as caught:
            cache.write(KEY, b"new", lifetime=60, timeout=5)
        assert "cache.permissions" == caught.value.code
    else:
        cache.write(KEY, b"new", lifetime=60, timeout=5)

    assert (b"kept" if failures > 5 else b"new") == build().read(KEY, timeout=5)
    assert (min(failures, 5), []) == (len(pauses), hands.torn())
    assert sum(pauses) <= 0.25


@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_fault_155_a_link_at_the_record_is_refused(hands, build, victim, kind):
    """155: it is neither read nor written through, and replaced by the next entry."""
    build().write(KEY, b"kept", lifetime=60, timeout=5)
    hands.record.unlink()
    link = hands.record.symlink_to if kind == "symbolic" else hands.record.hardlink_to
    link(victim)
    with pytest.raises(CacheUnavailable) as caught:
        build().read(KEY, timeout=5)

    assert "cache.permissions" == caught.value.code
    assert 1 == build().clear(timeout=5)


def test_fault_155_a_link_at_the_lock_is_refused(hands, build, victim):
    """155: it is not locked, and nothing is written."""
    hands.place.mkdir()
    hands.lock.symlink_to(victim)
    with pytest.raises(CacheUnavailable) as caught:
        build().write(KEY, b"x", lifetime=60, timeout=5)

    assert ("cache.lock_unsafe", ["lock"]) == (caught.value.code, hands.names())


def test_fault_155_a_link_at_the_folder_is_refused(hands, build, tmp_path):
    """155: the folder behind it stays empty."""
    (tmp_path / "elsewhere").mkdir()
    hands.place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CacheUnavailable, match="is a link") as caught:
        build().write(KEY, b"x", lifetime=60, timeout=5)

    assert ("cache.permissions", []) == (caught.value.code, os.listdir(tmp_path / "elsewhere"))


def test_fault_155_a_junction_is_a_link(hands, build):
    """155: a folder that is a reparse point, which only Windows has, is none of the cache's."""

    def stat_junction(path, **how):
        found = SYSTEM.stat(path, **how)
        attributes = stat.FILE_ATTRIBUTE_REPARSE_POINT | stat.FILE_ATTRIBUTE_DIRECTORY
        return SimpleNamespace(st_mode=found.st_mode, st_file_attributes=attributes)

    hands.place.mkdir()
    with pytest.raises(CacheUnavailable, match="is a link"):
        build(stat=stat_junction).write(KEY, b"x", lifetime=60, timeout=5)

    assert [] == hands.names()


def test_a_file_at_the_folder_is_refused(hands, build):
    """A path that is no folder says so."""
    hands.place.write_bytes(b"x")
    with pytest.raises(CacheUnavailable, match="no folder"):
        build().write(KEY, b"x", lifetime=60, timeout=5)


def test_modes_and_owners_are_not_looked_at(hands, build):
    """They say nothing there."""
    cache = build(user=None, fchmod=None)
    cache.write(KEY, b"kept", lifetime=60, timeout=5)
    hands.place.chmod(0o777)
    hands.record.chmod(0o666)

    assert b"kept" == cache.read(KEY, timeout=5)


def test_an_unused_lease_is_closed_and_then_removed(hands, build):
    """A file that is not needed is removed when it is no longer open."""
    build().lease("ab" * 32, seconds=60, timeout=5).release(timeout=5)
    past = time.time() - 30 * DAY
    os.utime(hands.place / f"{'ab' * 32}.lease", (past, past))
    build().write(KEY, b"x", lifetime=60, timeout=5)

    assert [f"{KEY}.json", "lock"] == hands.names()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (r"C:\Users\me\AppData\Local\credicorp-auth\Cache", None),
        ("C:/Users/me/./tokens/", r"C:\Users\me\tokens"),
        (r"\\server\share\tokens", None),
    ],
)
def test_fault_152_paths_of_windows(path, expected):
    """152: absolute paths of plain names are taken, with any slashes."""
    assert (expected or path) == normalize_directory(PureWindowsPath(path))


@pytest.mark.parametrize(
    "path",
    [
        r"C:tokens",
        r"\tokens",
        r"tokens",
        "C:\\",
        r"\\server\share",
        r"C:\Users\..\tokens",
        "C:\\" + "x" * 256,
    ],
)
def test_fault_152_paths_of_windows_that_are_refused(path):
    """152: without a drive, without a folder, with dots, or too long."""
    with pytest.raises(InvalidSetting) as caught:
        normalize_directory(PureWindowsPath(path))

    assert "config.cache_path" == caught.value.code


def test_two_slashes_are_one():
    """POSIX lets two mean something else, and no system in use does."""
    assert "/var/cache" == normalize_directory(PurePosixPath("//var/cache"))
