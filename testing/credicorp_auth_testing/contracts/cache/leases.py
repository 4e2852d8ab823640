"""Tests of leases: one holder at a time, and writes ordered by lease number."""

from __future__ import annotations

from threading import Barrier, Thread

import pytest

from credicorp_auth.plugin.api import MOST_NUMBER, LeaseState, LeasingCache, sound_number
from credicorp_auth_testing.contracts.cache.harness import (
    KEY,
    OTHER_KEY,
    TIMEOUT,
    Build,
    CacheHarness,
    build_leasing,
    needs_processes,
)
from credicorp_auth_testing.contracts.children import in_child


class LeaseTests(CacheHarness):
    """Tests of leases: one holder at a time, and writes ordered by lease number."""

    def test_one_has_it(self, leasing: LeasingCache, build: Build) -> None:
        """A later request, by the same cache or another, reports that the lease is held."""
        other = build_leasing(build)
        held = leasing.lease(KEY, seconds=60, timeout=TIMEOUT)

        assert held.state is LeaseState.ACQUIRED
        assert held.number > 0
        assert held.renew(timeout=TIMEOUT) is True
        for each in (leasing, other):
            refused = each.lease(KEY, seconds=60, timeout=TIMEOUT)
            assert (LeaseState.HELD, 0) == (refused.state, refused.number)
            assert refused.renew(timeout=TIMEOUT) is False
            refused.release(timeout=TIMEOUT)
        assert held.renew(timeout=TIMEOUT) is True
        held.release(timeout=TIMEOUT)

    def test_keys_are_leased_apart(self, leasing: LeasingCache) -> None:
        """Two keys have two leases."""
        held = [leasing.lease(key, seconds=60, timeout=TIMEOUT) for key in (KEY, OTHER_KEY)]

        assert [LeaseState.ACQUIRED] * 2 == [each.state for each in held]
        for each in held:
            each.release(timeout=TIMEOUT)

    def test_what_was_given_back_is_had_again(self, leasing: LeasingCache, build: Build) -> None:
        """The next request acquires a released lease; a second release does not affect it."""
        other = build_leasing(build)
        first = leasing.lease(KEY, seconds=60, timeout=TIMEOUT)
        first.release(timeout=TIMEOUT)
        second = other.lease(KEY, seconds=60, timeout=TIMEOUT)
        first.release(timeout=TIMEOUT)

        assert second.state is LeaseState.ACQUIRED
        assert first.renew(timeout=TIMEOUT) is False
        assert leasing.lease(KEY, seconds=60, timeout=TIMEOUT).state is LeaseState.HELD
        second.release(timeout=TIMEOUT)

    def test_numbers_grow(self, leasing: LeasingCache, build: Build) -> None:
        """Each lease of a key has a larger number than all before it, of any holder."""
        caches = [leasing, build_leasing(build)]
        numbers: list[int] = []
        for turn in range(20):
            lease = caches[turn % 2].lease(KEY, seconds=60, timeout=TIMEOUT)
            numbers.append(lease.number)
            lease.release(timeout=TIMEOUT)

        assert sorted(set(numbers)) == numbers

    def test_of_many_threads_one_has_it(self, leasing: LeasingCache) -> None:
        """If threads request the lease at the same time, one acquires it."""
        start = Barrier(8)
        states: list[LeaseState] = []

        def ask() -> None:
            start.wait()
            states.append(leasing.lease(KEY, seconds=60, timeout=TIMEOUT).state)

        threads = [Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert (1, 7) == (states.count(LeaseState.ACQUIRED), states.count(LeaseState.HELD))

    def test_processes_are_distinguished(self, leasing: LeasingCache, build: Build) -> None:
        """Another process sees that the lease is held, and acquires it after its release."""
        needs_processes(leasing)

        def ask() -> LeaseState:
            lease = build_leasing(build).lease(KEY, seconds=60, timeout=TIMEOUT)
            lease.release(timeout=TIMEOUT)
            return lease.state

        held = leasing.lease(KEY, seconds=60, timeout=TIMEOUT)

        assert in_child(lambda: ask() is LeaseState.HELD)
        held.release(timeout=TIMEOUT)
        assert in_child(lambda: ask() is LeaseState.ACQUIRED)

    def test_a_fork_leaves_the_lease_to_the_parent(
        self, leasing: LeasingCache, build: Build
    ) -> None:
        """The child gives up the inherited lease, and the parent keeps it."""
        needs_processes(leasing)
        held = leasing.lease(KEY, seconds=60, timeout=TIMEOUT)

        def work() -> bool:
            leasing.after_fork()
            return leasing.lease(KEY, seconds=60, timeout=TIMEOUT).state is LeaseState.HELD

        assert in_child(work)
        assert build_leasing(build).lease(KEY, seconds=60, timeout=TIMEOUT).state is LeaseState.HELD
        assert held.renew(timeout=TIMEOUT) is True
        held.release(timeout=TIMEOUT)

    def test_a_smaller_number_does_not_overwrite(self, leasing: LeasingCache) -> None:
        """An entry of a later lease stays; a write under the same or a later lease replaces it."""
        leasing.write(KEY, b"2", lifetime=60, number=2, timeout=TIMEOUT)
        leasing.write(KEY, b"1", lifetime=60, number=1, timeout=TIMEOUT)
        kept = leasing.read(KEY, timeout=TIMEOUT)
        leasing.write(KEY, b"2 again", lifetime=60, number=2, timeout=TIMEOUT)
        again = leasing.read(KEY, timeout=TIMEOUT)
        leasing.write(KEY, b"3", lifetime=60, number=3, timeout=TIMEOUT)

        assert (b"2", b"2 again", b"3") == (kept, again, leasing.read(KEY, timeout=TIMEOUT))

    def test_no_number_replaces_any(self, leasing: LeasingCache) -> None:
        """An entry without a number replaces any other, and any other replaces it."""
        leasing.write(KEY, b"7", lifetime=60, number=7, timeout=TIMEOUT)
        leasing.write(KEY, b"none", lifetime=60, timeout=TIMEOUT)
        kept = leasing.read(KEY, timeout=TIMEOUT)
        leasing.write(KEY, b"1", lifetime=60, number=1, timeout=TIMEOUT)

        assert (b"none", b"1") == (kept, leasing.read(KEY, timeout=TIMEOUT))

    @pytest.mark.parametrize("number", [MOST_NUMBER, MOST_NUMBER + 1, 2**63 - 1, 10**30])
    def test_a_number_that_no_lease_has_had_is_ignored(
        self, leasing: LeasingCache, number: int
    ) -> None:
        """For any number in an entry, what is made under an acquired lease is kept."""
        leasing.write(KEY, b"made up", lifetime=60, number=number, timeout=TIMEOUT)
        for ours in (b"first", b"second"):
            lease = leasing.lease(KEY, seconds=60, timeout=TIMEOUT)
            leasing.write(KEY, ours, lifetime=60, number=lease.number, timeout=TIMEOUT)
            lease.release(timeout=TIMEOUT)

            assert lease.state is LeaseState.ACQUIRED
            assert lease.number == sound_number(lease.number) > 0
            assert ours == leasing.read(KEY, timeout=TIMEOUT)

    def test_numbers_of_one_key_say_nothing_of_another(self, leasing: LeasingCache) -> None:
        """The order of numbers is kept separately for each key."""
        leasing.write(KEY, b"7", lifetime=60, number=7, timeout=TIMEOUT)
        leasing.write(OTHER_KEY, b"1", lifetime=60, number=1, timeout=TIMEOUT)

        assert b"1" == leasing.read(OTHER_KEY, timeout=TIMEOUT)
