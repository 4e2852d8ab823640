"""What runs between two instructions of a call neither hangs nor breaks it, nor asks twice."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

import pytest
from injector import Injector
from policies import POLICIES

from credicorp_auth import errors
from credicorp_auth_testing.fakes import wait_idle
from forks import holds_in_a_child

OURS = ("credicorp_auth/engine",)
ALL = (*OURS, "/threading.py")


def nested_get(subject, found):
    """Ask for the same, and note what came."""
    found.append(subject.get())


def drop(subject, _found):
    """Drop what is known."""
    subject.invalidate()


def close(subject, _found):
    """Close."""
    subject.close()


def interrupt(_subject, _found):
    """Press Ctrl-C."""
    raise KeyboardInterrupt


def fork(subject, found):
    """Fork; the child asks, and ends."""
    found.append(holds_in_a_child(lambda: bool(subject.get())))


KINDS = {
    "get": nested_get,
    "invalidate": drop,
    "close": close,
    "interrupt": interrupt,
    "fork": fork,
}


def inject(policy, kind, at):
    """Inject something into a call; return what the caller got, what was found, and the requests."""
    subject, found = POLICIES[policy](), []
    where = OURS if kind == "interrupt" else ALL
    outcome = None
    try:
        outcome = Injector(lambda: KINDS[kind](subject, found), at, where)(subject.get)
    except KeyboardInterrupt:
        outcome = subject.get()
    except errors.CredicorpAuthError as error:
        outcome = error.code
    wait_idle()
    requests = subject.requests
    with suppress(errors.CredicorpAuthError):
        subject.close()
    return outcome, found, requests


def is_right(kind, outcome, found, requests):
    """Say whether the caller, and what was injected, got what is right."""
    if kind == "close":
        # A document that is closed cannot come in time, and its caller hears that at once.
        return outcome in {"closed", "transport.deadline"} or bool(outcome)
    right = not isinstance(outcome, str) or "." not in outcome
    at_most = {"get": 1, "fork": 1, "invalidate": 2, "interrupt": 2}[kind]
    return right and bool(outcome) and all(found) and requests <= at_most


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", POLICIES)
def test_fault_490_a_call_may_be_entered_again_at_any_instruction(policy, kind, scale, evidence):
    """490: nested calls, closing, interrupts and forks at each instruction: no hang, no error, one request."""
    if scale < 1 and sys.version_info[:2] == (3, 12):
        pytest.skip(
            "3.12.1 was seen to crash over instruction events beside threads; a proof there"
        )
    count = Injector(where=OURS if kind == "interrupt" else ALL)
    first = POLICIES[policy]()
    count(first.get)
    first.close()
    wait_idle()
    step = max(1, round(1 / (scale * (4 if scale < 1 else 1))))
    bad, slowest, tried = [], 0.0, range(1, count.steps + 1, step)
    for at in tried:
        begun = time.monotonic()
        outcome = inject(policy, kind, at)
        slowest = max(slowest, time.monotonic() - begun)
        if not is_right(kind, *outcome):
            bad.append((at, outcome))

    assert [] == bad
    # Nobody waited for a deadline of ten seconds.
    assert slowest < 8
    evidence(f"injected-{policy}-{kind}", injections=len(tried), bad=0, slowest=slowest)
