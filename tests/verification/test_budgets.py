"""What it takes to verify a token, in calls and modules of ours: a reader follows each of them."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path

import pytest

import credicorp_auth
import credicorp_auth_testing.clock
from credicorp_auth import CredicorpAuth

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
BUDGETS = tomllib.loads((CHECKOUT / "tests/budgets/budgets.toml").read_text("utf-8"))["verify"]
OURS = Path(credicorp_auth.__file__).parent
CLOCK = credicorp_auth_testing.clock.__file__


@pytest.fixture
def verify(stage, forge):
    """Return the public method of a client that has the issuer's keys and has seen a token."""
    scene = stage(client_id="client", client_secret="secret")
    with CredicorpAuth.from_settings(scene.settings, clock=scene.clock) as auth:
        auth.verify(forge.issued(), required_scope="decisions:read")
        yield auth.verify


def counted(verify, token):
    """Verify a token; return what that took."""
    calls, builtins = [], []

    def watch(frame, event, called):
        if event == "call":
            calls.append(frame.f_code.co_filename)
        elif event == "c_call":
            builtins.append(called.__name__)

    sys.setprofile(watch)
    try:
        verify(token, required_scope="decisions:read")
    finally:
        sys.setprofile(None)
    ours = [each for each in calls if Path(each).is_relative_to(OURS)]
    return {
        "calls": len(ours),
        "modules": len(set(ours)),
        "hashes": builtins.count("openssl_sha256"),
        "clocks": calls.count(CLOCK),
    }


def test_a_token_is_verified_in_few_steps(verify, forge):
    """Neither a token that is new nor one that was seen takes more than its budget."""
    token = forge.issued(body=forge.claims(jti="id-2"))
    took = {name: counted(verify, token) for name in ("unseen", "seen")}

    assert [] == [
        f"{name}: {took[name][kind]} {kind}, at most {most}"
        for name, budget in BUDGETS.items()
        for kind, most in budget.items()
        if not 0 < took[name][kind] <= most  # nothing at all would mean that nothing was counted
    ]
