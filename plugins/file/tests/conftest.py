"""A folder, caches over it, and what may happen to them: a full disk, another user, a held lock."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import lock_descriptor

from credicorp_auth_file import CacheOptions, FileCache

KEY = "0123456789abcdef" * 4
SOMEBODY = 12345


class Hands:
    """What the tests of this folder do with caches and files."""

    def __init__(self, place):
        self.place = place
        self.record = place / f"{KEY}.json"
        self.lease = place / f"{KEY}.lease"
        self.lock = place / "lock"
        self.new = place / "new.tmp"
        self.made = []

    def cache(self):
        """Build a cache over the folder."""
        cache = FileCache(CacheOptions(directory=self.place))
        self.made.append(cache)
        return cache

    def kept(self, entry=b"kept"):
        """Build a cache that has an entry."""
        cache = self.cache()
        cache.write(KEY, entry, lifetime=3600, timeout=5)
        return cache

    def put(self, path, content):
        """Write a file that is private, as the cache's own are."""
        path.write_bytes(content)
        path.chmod(0o600)

    def names(self):
        return sorted(os.listdir(self.place))

    def left(self):
        """List what is half written."""
        return [name for name in self.names() if name.endswith(".tmp")]

    @contextmanager
    def held_lock(self):
        """Hold the lock of the folder, as a process does that stands still."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o600)
        assert lock_descriptor(descriptor, blocking=False)
        try:
            yield
        finally:
            os.close(descriptor)


@contextmanager
def _small_files(size):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _as_somebody():
    os.setegid(SOMEBODY)
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def small_files():
    """Let this process write no file larger than this: the system then writes a part, and fails."""
    return _small_files


@pytest.fixture
def as_somebody():
    """Let this process be another user for a while, without root's rights."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user, and CI is root")
    return _as_somebody


@pytest.fixture
def hands(tmp_path):
    made = Hands(tmp_path / "tokens")
    yield made
    for each in made.made:
        each.close()


@pytest.fixture
def open_folder():
    """A folder for all users, as /tmp is: only its owner replaces a file there."""
    folder = Path(tempfile.mkdtemp(prefix="credicorp-"))
    folder.chmod(0o1777)
    yield folder
    shutil.rmtree(folder)


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


@pytest.fixture
def victim(tmp_path):
    """A file that nobody may touch, no matter what points to it."""
    path = tmp_path / "victim"
    path.write_bytes(b"the victim's content")
    path.chmod(0o600)
    os.utime(path, (1_000_000, 1_000_000))
    before = (path.stat().st_size, path.stat().st_mtime, path.stat().st_mode)
    yield path

    assert before == (path.stat().st_size, path.stat().st_mtime, path.stat().st_mode)
    assert b"the victim's content" == path.read_bytes()
