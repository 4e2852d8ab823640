"""Tests of a failing cache: its errors, and the secrecy of its entries."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from credicorp_auth.errors import AdapterFailure, CacheUnavailable
from credicorp_auth.plugin.api import Cache, LeaseState, LeasingCache, ListingCache
from credicorp_auth_testing.contracts.cache.harness import (
    CANARY,
    KEY,
    TIMEOUT,
    CacheHarness,
    patiently,
)

_ADAPTER = "credicorp_auth"


class FailureTests(CacheHarness):
    """Tests of a failing cache: its errors, and the secrecy of its entries."""

    def test_failures_do_not_show_the_entry(self, cache: Cache, place: Path) -> None:
        """It raises `CacheUnavailable`; no entry is in the error's text, chain or frames."""
        cache.write(KEY, CANARY, lifetime=60, timeout=TIMEOUT)
        self.break_cache(cache, place)
        calls: list[Callable[[], object]] = [
            lambda: cache.read(KEY, timeout=TIMEOUT),
            lambda: cache.write(KEY, bytes(CANARY), lifetime=60, timeout=TIMEOUT),
            lambda: cache.discard(KEY, expected=b"x", timeout=TIMEOUT),
        ]
        listing = ("entries", "clear") if isinstance(cache, ListingCache) else ()
        calls += [partial(getattr(cache, each), timeout=TIMEOUT) for each in listing]
        for call in calls:
            with pytest.raises(CacheUnavailable) as caught:
                call()
            _assert_holds_nothing(caught.value)

    def test_trouble_gives_no_lease(self, leasing: LeasingCache, place: Path) -> None:
        """A broken cache grants no lease: it fails or raises. A lease held before expires."""
        held = leasing.lease(KEY, seconds=0.2, timeout=TIMEOUT)
        self.break_cache(leasing, place)
        try:
            state = leasing.lease(KEY, seconds=60, timeout=TIMEOUT).state
        except CacheUnavailable:
            state = LeaseState.FAILED

        assert state is LeaseState.FAILED
        patiently(
            lambda: True if held.renew(timeout=TIMEOUT) is False else None,
            "the end of a lease that was given 200 ms",
        )
        held.release(timeout=TIMEOUT)


def _assert_holds_nothing(error: CacheUnavailable) -> None:
    assert error.code.startswith("cache.")
    assert isinstance(error.__cause__, AdapterFailure | None)
    assert error.__context__ is None
    shown = f"{error!s}{error!r}{error.__dict__}{error.__cause__!s}{pickle.dumps(error)!r}"
    assert "entry-canary" not in shown
    traceback = error.__traceback__
    while traceback is not None:
        frame, traceback = traceback.tb_frame, traceback.tb_next
        if frame.f_globals["__name__"] not in {__name__, "contextlib"}:
            assert "entry-canary" not in repr(frame.f_locals)
            assert [] == [
                name for name, value in frame.f_locals.items() if _reaches(value, depth=4)
            ]


def _reaches(value: object, *, depth: int) -> bool:
    """Return true if an object refers to an entry, other than through callables."""
    if isinstance(value, bytes):
        return b"entry-canary" in value
    if depth == 0 or isinstance(value, type) or callable(value):
        return False
    return any(_reaches(each, depth=depth - 1) for each in gc.get_referents(value))
