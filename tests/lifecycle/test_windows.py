"""The windows of a token's life, as claims about every lifetime, jitter and clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth.lifecycle.windows import Freshness, Instant, WindowPolicy

POLICY = WindowPolicy()
ISSUED = Instant(1_800_000_000.0, 1_000.0)
LIFETIMES = [1, 2, 5, 20, 60, 300, 3600]

lifetimes = st.one_of(st.sampled_from(LIFETIMES), st.floats(1, 86_400))
chances = st.floats(0, 1, exclude_max=True)
shares = st.floats(0, 0.5)


def at(age: float, *, wall_jump: float = 0.0) -> Instant:
    return Instant(ISSUED.wall + age + wall_jump, ISSUED.boot + age)


@given(lifetime=lifetimes, chance=chances, share=shares)
def test_every_token_is_reused_for_at_least_two_fifths_of_its_life(lifetime, chance, share):
    """
    However long it lives, and however the dice fall, a token is used for 40 % of its life.

    It arrives after `mint_seconds`, at most half its life, and is handed out until its mandatory
    window at least.
    """
    mint_seconds = lifetime * share
    windows = POLICY.windows(ISSUED, lifetime, mint_seconds=mint_seconds, chance=chance)

    assert windows.mandatory - mint_seconds >= 0.4 * lifetime - 1e-9 * lifetime
    assert windows.advisory >= lifetime / 2 - 1e-9 * lifetime


@given(lifetime=lifetimes, chance=chances, mint_seconds=st.floats(0, 1e6))
def test_the_windows_stand_in_order_inside_the_life(lifetime, chance, mint_seconds):
    """Fresh, advisory, mandatory and expired follow each other, no matter what minting takes."""
    windows = POLICY.windows(ISSUED, lifetime, mint_seconds=mint_seconds, chance=chance)

    assert 0 < windows.advisory <= windows.mandatory < lifetime


@given(lifetime=lifetimes, chance=chances, age=st.floats(0, 2), jump=st.floats(-1e5, 1e5))
def test_fault_126_no_clock_can_make_a_dead_token_usable(lifetime, chance, age, jump):
    """126, 118, 119, 122: a token past its life by either clock is expired, no matter what the other says."""
    windows = POLICY.windows(ISSUED, lifetime, mint_seconds=0.1, chance=chance)
    now = at(age * lifetime, wall_jump=jump)
    dead = max(now.wall - ISSUED.wall, now.boot - ISSUED.boot) >= lifetime

    assert dead == (windows.freshness_at(now) is Freshness.EXPIRED)


@pytest.mark.parametrize("lifetime", LIFETIMES)
def test_margins_scale_with_the_lifetime(lifetime):
    """57: no lifetime is eaten up by fixed margins."""
    windows = POLICY.windows(ISSUED, lifetime, mint_seconds=0.0, chance=0.0)

    assert min(300, lifetime / 4) == pytest.approx(lifetime - windows.advisory)
    assert min(30, lifetime / 10) == pytest.approx(lifetime - windows.mandatory)


def test_a_slow_endpoint_is_asked_earlier():
    """The lead is at least twice as long as minting takes, and never over half the life."""
    slow = POLICY.windows(ISSUED, 100.0, mint_seconds=20.0, chance=0.0)
    slower = POLICY.windows(ISSUED, 100.0, mint_seconds=90.0, chance=0.9)

    assert 60.0 == slow.advisory
    assert 50.0 == slower.advisory


def test_a_fleet_spreads_out():
    """127: the lead is stretched by up to a fifth, by chance."""
    leads = [
        3600 - POLICY.windows(ISSUED, 3600, mint_seconds=0, chance=n / 100).advisory
        for n in range(100)
    ]

    assert 300.0 == pytest.approx(leads[0])
    assert 359.4 == pytest.approx(leads[-1])
    assert 100 == len(set(leads))


def test_without_a_lead_the_mandatory_window_comes_first():
    """A lead of nothing leaves no advisory window, and the mandatory one where it was."""
    windows = WindowPolicy(refresh_lead=0.0).windows(ISSUED, 100.0, mint_seconds=0.0, chance=0.5)

    assert windows.mandatory == windows.advisory == 90.0


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0.0, Freshness.FRESH),
        (74.9, Freshness.FRESH),
        (75.0, Freshness.ADVISORY),
        (90.0, Freshness.MANDATORY),
        (100.0, Freshness.EXPIRED),
    ],
)
def test_a_token_ages_through_its_windows(age, expected):
    """A token is fresh, then advisory, then mandatory, then expired."""
    windows = POLICY.windows(ISSUED, 100.0, mint_seconds=0.0, chance=0.0)

    assert expected is windows.freshness_at(at(age))
