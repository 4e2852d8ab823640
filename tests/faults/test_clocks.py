"""Clocks that are far off, and zones that change: faults 124, 125 and 130."""

from __future__ import annotations

import json
import time

import pytest

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth.settings.schema import Settings
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.echo import EchoTransport, build_offline
from credicorp_auth_testing.sandbox import Sandbox


@pytest.mark.parametrize(
    "wall", [0.0, 2.0**31, 2.0**32, 253_402_300_799.0], ids=lambda each: f"124-{each:.0f}"
)
def test_fault_124_a_clock_far_off_still_reuses_tokens(wall):
    """In 1970, 2038, 2106 and 9999 a token lives as long as the server says, and no longer."""
    clock = MovableClock(wall=wall)
    echo = EchoTransport()
    with build_offline(clock=clock, transport=echo) as auth:
        first = auth.get_token("a")
        again = auth.get_token("a")
        clock.advance(3601)
        second = auth.get_token("a")

    assert (first, 2) == (again, echo.mints)
    assert (wall, wall + 3601) == (
        first.expires_at - first.lifetime,
        second.expires_at - second.lifetime,
    )


def test_fault_124_verification_in_1970_names_the_clocks():
    """A token that is good everywhere else begins later than 1970, and the cure says why."""
    with Sandbox() as sandbox:
        settings = Settings(
            base_url=sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            issuer=sandbox.issuer,
            audience=sandbox.settings.audience,
        )
        with CredicorpAuth.from_settings(settings, clock=MovableClock(wall=0.0)) as auth:
            token = auth.get_token("decisions:read")
            with pytest.raises(errors.NotYetValid, match="compare the clocks") as caught:
                auth.verify(token)

    assert caught.value.code in {"verify.nbf", "verify.iat"}


def test_fault_125_zones_decide_nothing(monkeypatch):
    """While the zone changes under it, a token is reused, and renewed when it is time."""
    seen = []
    try:
        for zone in ("UTC", "Pacific/Kiritimati", "America/St_Johns", "Europe/Paris"):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            clock, echo = MovableClock(wall=1_792_889_000.0), EchoTransport()  # summer time ends
            with build_offline(clock=clock, transport=echo) as auth:
                for step in range(10):
                    monkeypatch.setenv("TZ", "UTC" if step % 2 else zone)
                    time.tzset()
                    auth.get_token("a")
                    clock.advance(600)
            seen.append((echo.mints, json.dumps(clock.waited)))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert 1 == len(set(seen))
    assert 2 == seen[0][0]


@pytest.mark.parametrize(
    ("seconds", "code"), [(300, None), (300.5, "config.value"), (86_400, "config.value")]
)
def test_fault_130_leeway_has_a_limit(seconds, code):
    """A leeway of more than five minutes would take expired tokens for good ones."""
    try:
        found = Settings(leeway=seconds).leeway
    except errors.InvalidSetting as error:
        found = error.code

    assert (code or seconds) == found
