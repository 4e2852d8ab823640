"""Caches to test, built for one place and closed again, and children who use them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from credicorp_auth.plugin.api import Cache, Lease, LeaseState, LeasingCache, ListingCache
from credicorp_auth.testing.contracts.descriptors import none_left_open

Build = Callable[[], Cache]
T = TypeVar("T")

KEY = "0123456789abcdef" * 4
OTHER_KEY = "fedcba9876543210" * 4
_PATIENCE = 20.0  # seconds: much more than a busy machine takes
CANARY = b'{"access_token":"entry-canary"}'


class CacheHarness:
    """What the tests of a cache stand on; see `CacheContract`."""

    def build_cache(self, place: Path) -> Cache:
        """
        Build the cache that is tested.

        Args:
            place: A path of this test's own, where nothing is yet. Caches that are shared see each
                other's entries if they were built for the same place, and only then.
        """
        raise NotImplementedError

    def break_cache(self, cache: Cache, place: Path) -> None:  # noqa: ARG002 - for who overrides it
        """
        Bring trouble upon a cache, so that whatever it is asked for cannot be done.

        Args:
            cache: The cache.
            place: What it was built for.
        """
        pytest.skip("`break_cache` is not overridden, so there is no trouble")

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Name a place."""
        return tmp_path / f"place-{os.urandom(4).hex()}"

    @pytest.fixture(autouse=True)
    def _descriptors(self) -> Iterator[None]:
        """After each test, no more files and sockets are open than before."""
        with none_left_open():
            yield

    @pytest.fixture
    def build(self, _descriptors: None, place: Path) -> Iterator[Build]:
        """Build caches for one place, and close them after the test."""
        with ExitStack() as made:

            def build() -> Cache:
                cache = self.build_cache(place)
                made.callback(cache.close)
                return cache

            yield build

    @pytest.fixture
    def cache(self, build: Build) -> Cache:
        """Build one."""
        return build()

    @pytest.fixture
    def leasing(self, build: Build) -> LeasingCache:
        """Build one that has leases."""
        return build_leasing(build)

    @pytest.fixture
    def listing(self, build: Build) -> ListingCache:
        """Build one that lists its entries."""
        cache = build()
        if not cache.capabilities.lists:
            pytest.skip("it declares no list")
        assert isinstance(cache, ListingCache)
        return cache


def build_leasing(build: Build) -> LeasingCache:
    """Build a cache that has leases, or skip."""
    cache = build()
    if not cache.capabilities.leases:
        pytest.skip("it declares no leases")
    assert isinstance(cache, LeasingCache)
    return cache


def needs_processes(cache: Cache) -> None:
    """Skip a test of what other processes see, where they see nothing."""
    if not cache.capabilities.spans_processes:
        pytest.skip("it does not declare that it spans processes")


def in_child(work: Callable[[], bool]) -> bool:
    """Do something in the child of a fork; return whether it went well."""
    child = os.fork()
    if child == 0:  # pragma: no cover # measured in the parent only
        went_well = False
        try:
            went_well = work()
        finally:
            os._exit(0 if went_well else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def await_lease(cache: LeasingCache, key: str, *, seconds: float) -> Lease:
    """Ask until it is had."""

    def ask() -> Lease | None:
        lease = cache.lease(key, seconds=seconds)
        assert lease.state in {LeaseState.ACQUIRED, LeaseState.HELD}
        return lease if lease.state is LeaseState.ACQUIRED else None

    return patiently(ask, "the lease")


def await_end(cache: Cache, key: str) -> None:
    """Read until the entry has ended."""
    patiently(
        lambda: True if cache.read(key) is None else None,
        "the end of an entry that was given 50 ms",
    )


def patiently(look: Callable[[], T | None], wanted: str) -> T:
    """Look until there is something; a wait in vain is a failure that says for what."""
    end = time.monotonic() + _PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < end, f"waited {_PATIENCE:g} s for {wanted}, in vain"
        time.sleep(0.01)
    return found
