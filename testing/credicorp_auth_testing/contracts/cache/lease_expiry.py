"""Tests of lease expiry: a dead or frozen holder blocks others no longer than its lease."""

from __future__ import annotations

import os
import signal
import time

from credicorp_auth.plugin.api import LeaseState, LeasingCache
from credicorp_auth_testing.contracts.cache.harness import (
    KEY,
    TIMEOUT,
    Build,
    CacheHarness,
    await_lease,
    build_leasing,
    needs_processes,
)
from credicorp_auth_testing.contracts.children import child_of

_SHORT = 0.2  # seconds


class LeaseExpiryTests(CacheHarness):
    """Tests of lease expiry: a dead or frozen holder blocks others no longer than its lease."""

    def test_it_lapses_without_a_sign_of_life(self, leasing: LeasingCache, build: Build) -> None:
        """One successor acquires an expired lease, and the former holder cannot affect it."""
        other = build_leasing(build)
        lapsed = leasing.lease(KEY, seconds=_SHORT, timeout=TIMEOUT)
        held = await_lease(other, KEY, seconds=_SHORT)
        held.renew(timeout=TIMEOUT)

        assert held.number > lapsed.number
        assert leasing.lease(KEY, seconds=60, timeout=TIMEOUT).state is LeaseState.HELD
        assert lapsed.renew(timeout=TIMEOUT) is False
        lapsed.release(timeout=TIMEOUT)
        assert leasing.lease(KEY, seconds=60, timeout=TIMEOUT).state is LeaseState.HELD
        held.release(timeout=TIMEOUT)

    def test_what_a_lapsed_holder_writes_is_late(self, leasing: LeasingCache, build: Build) -> None:
        """The former holder's write has a smaller number, so the successor's entry stays."""
        other = build_leasing(build)
        lapsed = leasing.lease(KEY, seconds=_SHORT, timeout=TIMEOUT)
        held = await_lease(other, KEY, seconds=_SHORT)
        other.write(KEY, b"new", lifetime=60, number=held.number, timeout=TIMEOUT)
        leasing.write(KEY, b"old", lifetime=60, number=lapsed.number, timeout=TIMEOUT)

        assert b"new" == leasing.read(KEY, timeout=TIMEOUT)
        lapsed.release(timeout=TIMEOUT)
        held.release(timeout=TIMEOUT)

    def test_a_sign_of_life_keeps_it(self, leasing: LeasingCache, build: Build) -> None:
        """While its holder renews it, no other acquires it, for over twice its length."""
        seconds = 1.0
        other = build_leasing(build)
        held = leasing.lease(KEY, seconds=seconds, timeout=TIMEOUT)
        states: list[LeaseState] = []
        begin = signed = time.monotonic()
        while time.monotonic() < begin + 2 * seconds:
            state = other.lease(KEY, seconds=seconds, timeout=TIMEOUT).state
            # On a machine that was too busy to renew in time, the lease may expire.
            assert state is LeaseState.HELD or time.monotonic() - signed > seconds / 2
            states.append(state)
            signed = time.monotonic()
            assert held.renew(timeout=TIMEOUT) or LeaseState.ACQUIRED in states
            time.sleep(0.05)

        assert LeaseState.HELD in states
        held.release(timeout=TIMEOUT)

    def test_a_lease_for_longer_than_is_asked_for_is_free(
        self, leasing: LeasingCache, build: Build
    ) -> None:
        """A lease of an hour yields to a shorter request, and its former holder loses it."""
        endless = leasing.lease(KEY, seconds=3600, timeout=TIMEOUT)
        held = await_lease(build_leasing(build), KEY, seconds=_SHORT)

        assert held.number > endless.number
        assert endless.renew(timeout=TIMEOUT) is False
        endless.release(timeout=TIMEOUT)
        held.release(timeout=TIMEOUT)

    def test_a_holder_that_was_killed_is_followed(
        self, leasing: LeasingCache, build: Build
    ) -> None:
        """After SIGKILL of the holder, a waiting process acquires it with a larger number."""
        needs_processes(leasing)
        inform, informed = os.pipe()

        def hold() -> bool:  # pragma: no cover # it runs in the child, which is killed
            held = build_leasing(build).lease(KEY, seconds=_SHORT, timeout=TIMEOUT)
            os.write(informed, b"%d" % held.number)
            signal.pause()
            return True

        with os.fdopen(inform, "rb", buffering=0) as lines, child_of(hold):
            os.close(informed)
            number = int(lines.read(30) or b"-1")  # the end comes early if the child raised
        assert number > -1
        follower = await_lease(leasing, KEY, seconds=_SHORT)

        assert follower.number > number
        follower.release(timeout=TIMEOUT)
