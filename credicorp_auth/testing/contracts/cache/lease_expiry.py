"""A holder that died or stands still is in nobody's way for longer than was said."""

from __future__ import annotations

import os
import signal
import time

from credicorp_auth.plugin.api import LeaseState, LeasingCache
from credicorp_auth.testing.contracts.cache.harness import (
    KEY,
    Build,
    CacheHarness,
    await_lease,
    build_leasing,
    needs_processes,
)

_SHORT = 0.2  # seconds


class LeaseExpiryTests(CacheHarness):
    """A holder that died or stands still is in nobody's way for longer than was said."""

    def test_it_lapses_without_a_sign_of_life(self, leasing: LeasingCache, build: Build) -> None:
        """One successor takes over, and what the former holder does is no trouble to it."""
        other = build_leasing(build)
        lapsed = leasing.lease(KEY, seconds=_SHORT)
        held = await_lease(other, KEY, seconds=_SHORT)
        held.renew()

        assert held.number > lapsed.number
        assert leasing.lease(KEY, seconds=60).state is LeaseState.HELD
        assert lapsed.renew() is False
        lapsed.release()
        assert leasing.lease(KEY, seconds=60).state is LeaseState.HELD
        held.release()

    def test_what_a_lapsed_holder_writes_is_late(self, leasing: LeasingCache, build: Build) -> None:
        """It loses by its number against what its successor has written."""
        other = build_leasing(build)
        lapsed = leasing.lease(KEY, seconds=_SHORT)
        held = await_lease(other, KEY, seconds=_SHORT)
        other.write(KEY, b"new", lifetime=60, number=held.number)
        leasing.write(KEY, b"old", lifetime=60, number=lapsed.number)

        assert b"new" == leasing.read(KEY)
        lapsed.release()
        held.release()

    def test_a_sign_of_life_keeps_it(self, leasing: LeasingCache, build: Build) -> None:
        """As long as its holder renews it, nobody else has it, for twice its time and more."""
        seconds = 1.0
        other = build_leasing(build)
        held = leasing.lease(KEY, seconds=seconds)
        told: list[LeaseState] = []
        begin = signed = time.monotonic()
        while time.monotonic() < begin + 2 * seconds:
            state = other.lease(KEY, seconds=seconds).state
            # On a machine that was too busy to renew in time, a lapse is right.
            assert state is LeaseState.HELD or time.monotonic() - signed > seconds / 2
            told.append(state)
            signed = time.monotonic()
            assert held.renew() or LeaseState.ACQUIRED in told
            time.sleep(0.05)

        assert LeaseState.HELD in told
        held.release()

    def test_a_lease_for_longer_than_is_asked_for_is_nobodys(
        self, leasing: LeasingCache, build: Build
    ) -> None:
        """No holder asks for an hour; so one who asks for less has it, and the former has not."""
        endless = leasing.lease(KEY, seconds=3600)
        held = await_lease(build_leasing(build), KEY, seconds=_SHORT)

        assert held.number > endless.number
        assert endless.renew() is False
        endless.release()
        held.release()

    def test_a_holder_that_was_killed_is_followed(
        self, leasing: LeasingCache, build: Build
    ) -> None:
        """After SIGKILL, one who waits has the lease, with a larger number."""
        needs_processes(leasing)
        inform, informed = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover # measured in the parent only
            held = build_leasing(build).lease(KEY, seconds=_SHORT)
            os.write(informed, b"%d" % held.number)
            signal.pause()
        number = int(os.read(inform, 30))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for descriptor in (inform, informed):
            os.close(descriptor)
        follower = await_lease(leasing, KEY, seconds=_SHORT)

        assert follower.number > number
        follower.release()
