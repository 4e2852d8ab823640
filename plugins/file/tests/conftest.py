"""A folder, caches over it, and an operating system that fails where a test says."""

from __future__ import annotations

import os

import pytest
from attrs import evolve

from credicorp_auth_file import CacheOptions, FileCache
from credicorp_auth_file.operations import SYSTEM

KEY = "0123456789abcdef" * 4


class Hands:
    """What the tests of this folder do with caches and files."""

    def __init__(self, place):
        self.place = place
        self.record = place / f"{KEY}.json"
        self.lease = place / f"{KEY}.lease"
        self.lock = place / "lock"
        self.made = []

    def cache(self, **operations):
        """Build a cache over the folder, on a system of which some operations are others."""
        cache = FileCache(CacheOptions(directory=self.place), system=evolve(SYSTEM, **operations))
        self.made.append(cache)
        return cache

    def kept(self, entry=b"kept", **more):
        """Build a cache that has an entry."""
        cache = self.cache()
        cache.write(KEY, entry, lifetime=3600, timeout=5, **more)
        return cache

    def names(self):
        return sorted(os.listdir(self.place))

    def torn(self):
        return [name for name in self.names() if name.endswith(".tmp")]


@pytest.fixture
def failing():
    """Make operations that fail."""

    def make(number):
        def fail(*_args, **_keywords):
            raise OSError(number, os.strerror(number), "a path")

        return fail

    return make


@pytest.fixture
def hands(tmp_path):
    made = Hands(tmp_path / "tokens")
    yield made
    for each in made.made:
        each.close()


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
