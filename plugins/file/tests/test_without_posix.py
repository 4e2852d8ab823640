"""
The cache where files are reached by their paths, and have no owners or modes: on Windows.

The system of these tests is Linux; the names that Windows lacks are taken from it.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace

import pytest

from credicorp_auth.errors import InvalidSetting
from credicorp_auth_file.folder import is_link, replace
from credicorp_auth_file.options import normalize_directory

KEY = "0123456789abcdef" * 4
PROGRAM = Path(__file__).parent / "programs" / "without_posix.py"
VANISH = Path(__file__).parents[3] / "tests" / "platforms" / "programs"


@pytest.fixture
def run(hands):
    """Run a part of the program there; return what it printed."""

    def start(part, **how):
        done = subprocess.run(
            [sys.executable, str(PROGRAM), str(VANISH), str(hands.place), KEY, part],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            **how,
        )
        assert done.stdout, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])

    return start


@pytest.mark.slow
def test_fault_473_the_whole_of_it(run):
    """473: entries, numbers, leases and listing are the same; owners and modes say nothing."""
    assert [
        None,
        ["ACQUIRED", "HELD"],
        "a",
        [True, True],
        "a",
        [True, 0],
        ["lock"],
    ] == run("use")


@pytest.mark.slow
def test_fault_477_a_holder_that_hangs_is_followed(run):
    """477: no file is held open, so another takes over when the lease expires, and keeps it."""
    assert [["ACQUIRED", True], [False, True]] == run("hang")


@pytest.mark.slow
@pytest.mark.parametrize("at", ["folder", "lock", "record", "two names"])
def test_fault_155_a_link_is_refused(run, hands, victim, tmp_path, at):
    """155: it is neither read nor written through, wherever it is."""
    if at == "folder":
        (tmp_path / "elsewhere").mkdir()
        hands.place.symlink_to(tmp_path / "elsewhere")
    else:
        hands.place.mkdir()
        path = hands.lock if at == "lock" else hands.record
        link = path.hardlink_to if at == "two names" else path.symlink_to
        link(victim)
    written, read = run("meet")

    code = "cache.lock_unsafe" if at == "lock" else "cache.permissions"
    assert written.startswith(code)
    assert read is None if at == "lock" else read.startswith(code)
    if at == "folder":
        assert [] == os.listdir(tmp_path / "elsewhere")
    os.utime(victim, (1_000_000, 1_000_000))


@pytest.mark.parametrize("attribute", ["FILE_ATTRIBUTE_REPARSE_POINT", None])
def test_fault_155_a_junction_is_a_link(attribute):
    """155: a folder that is a reparse point, which only Windows has, is none of the cache's."""
    attributes = stat.FILE_ATTRIBUTE_DIRECTORY | getattr(stat, attribute or "", 0)
    found = SimpleNamespace(st_mode=stat.S_IFDIR | 0o700, st_file_attributes=attributes)

    assert bool(attribute) is is_link(found)


@pytest.fixture
def replace_open(open_folder, as_somebody):
    """Replace a record that is open at first; return whether it could be."""
    # Here another user's file cannot be replaced; on Windows, one that is being read.
    record, new = open_folder / "record", open_folder / "new"

    def attempt(*, closed):
        for path in (record, new):
            path.unlink(missing_ok=True)
        record.write_bytes(b"kept")
        child = os.fork() if closed else None
        if child == 0:  # pragma: no cover # measured in the parent only
            while not new.exists():
                time.sleep(0.0005)
            time.sleep(0.002)
            record.unlink(missing_ok=True)
            os._exit(0)
        with as_somebody():
            new.write_bytes(b"new")
            with suppress(PermissionError):
                replace(new, record)
        if child:
            os.waitpid(child, 0)
        return not new.exists() and b"new" == record.read_bytes()

    return attempt


def test_fault_155_a_replacement_that_meets_a_reader_is_tried_again(replace_open):
    """155: a record that is closed within 250 ms is replaced; one that is not, stays."""
    # On a busy machine, it may be closed too late.
    assert any(replace_open(closed=True) for _ in range(10))
    assert not replace_open(closed=False)


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
