"""Test harness of caches: builds them for one place, closes them, and uses them in forks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from credicorp_auth.plugin.api import Cache, Lease, LeaseState, LeasingCache, ListingCache
from credicorp_auth_testing.contracts import not_offered
from credicorp_auth_testing.contracts.descriptors import none_left_open

Build = Callable[[], Cache]
T = TypeVar("T")

KEY = "0123456789abcdef" * 4
OTHER_KEY = "fedcba9876543210" * 4
TIMEOUT = 5.0  # seconds of each call
_PATIENCE = 20.0  # seconds: much longer than a busy machine needs
CANARY = b'{"access_token":"entry-canary"}'


class CacheHarness:
    """The harness of a cache's tests; see `CacheContract`."""

    longest_wait = 8.0
    """Seconds after which a call counts as one that hangs."""

    def build_cache(self, place: Path) -> Cache:
        """
        Build the cache under test.

        Args:
            place: A new path for this test. Shared caches see each other's entries if, and only if,
                they were built for the same place.
        """
        raise NotImplementedError

    def break_cache(self, cache: Cache, place: Path) -> None:  # noqa: ARG002 - for subclasses
        """
        Break a cache, so that every operation fails.

        Args:
            cache: The cache.
            place: The place that it was built for.
        """
        not_offered("`break_cache` is not overridden, so there is no trouble")

    def freeze_cache(self, cache: Cache, place: Path) -> None:  # noqa: ARG002 - for subclasses
        """
        Suspend the server of a cache until the test ends, as SIGSTOP does: it does not respond.

        Args:
            cache: The cache.
            place: The place that it was built for.
        """
        not_offered("`freeze_cache` is not overridden, so no server stands still")

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        """Return the place of a test."""
        return tmp_path / f"place-{os.urandom(4).hex()}"

    @pytest.fixture(autouse=True)
    def _descriptors(self) -> Iterator[None]:
        """Check that a test leaves no more files and sockets open than before."""
        with none_left_open():
            yield

    @pytest.fixture
    def build(self, _descriptors: None, place: Path) -> Iterator[Build]:
        """Return a function that builds caches for one place; close them after the test."""
        with ExitStack() as made:

            def build() -> Cache:
                cache = self.build_cache(place)
                made.callback(cache.close)
                return cache

            yield build

    @pytest.fixture
    def cache(self, build: Build) -> Cache:
        """Build a cache."""
        return build()

    @pytest.fixture
    def leasing(self, build: Build) -> LeasingCache:
        """Build a cache that has leases."""
        return build_leasing(build)

    @pytest.fixture
    def listing(self, build: Build) -> ListingCache:
        """Build a cache that lists its entries."""
        cache = build()
        if not cache.capabilities.lists:
            not_offered("it declares no list")
        assert isinstance(cache, ListingCache)
        return cache


def build_leasing(build: Build) -> LeasingCache:
    """Build a cache that has leases, or skip the test."""
    cache = build()
    if not cache.capabilities.leases:
        not_offered("it declares no leases")
    assert isinstance(cache, LeasingCache)
    return cache


def needs_processes(cache: Cache) -> None:
    """Skip a test of several processes if the cache is not shared by them."""
    if not cache.capabilities.spans_processes:
        not_offered("it does not declare that it spans processes")


def await_lease(cache: LeasingCache, key: str, *, seconds: float) -> Lease:
    """Request the lease until it is acquired."""

    def ask() -> Lease | None:
        lease = cache.lease(key, seconds=seconds, timeout=TIMEOUT)
        assert lease.state in {LeaseState.ACQUIRED, LeaseState.HELD}
        return lease if lease.state is LeaseState.ACQUIRED else None

    return patiently(ask, "the lease")


def await_end(cache: Cache, key: str) -> None:
    """Read until the entry has expired."""
    patiently(
        lambda: True if cache.read(key, timeout=TIMEOUT) is None else None,
        "the end of an entry that was given 50 ms",
    )


def patiently(look: Callable[[], T | None], wanted: str) -> T:
    """Poll until there is a result; a timeout is a failure that names what was awaited."""
    end = time.monotonic() + _PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < end, f"waited {_PATIENCE:g} s for {wanted}, in vain"
        time.sleep(0.01)
    return found
