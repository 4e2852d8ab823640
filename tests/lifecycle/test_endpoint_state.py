"""What is remembered of a token endpoint, and for how long."""

from __future__ import annotations

from credicorp_auth import errors
from credicorp_auth.lifecycle.endpoint_state import (
    EndpointState,
    Failed,
    Refused,
    SecretUnchanged,
    Succeeded,
)
from credicorp_auth.oauth.scope import Scope

LOST = errors.ConnectionFailed("lost")
REFUSAL = errors.InvalidScope("no", error="invalid_scope", status=400)
BUSY = errors.TokenEndpointBusy("busy", retry_after=9.0)


def test_failures_add_up_and_a_token_clears_them():
    """Failures are counted until the endpoint serves again."""
    state = EndpointState().after(Failed(LOST, 2.0), 10.0).after(Failed(LOST, 1.5), 12.0)

    assert (2, 13.5) == (state.failures, state.cooldown_until)
    assert EndpointState() == state.after(Succeeded(), 14.0)


def test_a_client_that_is_served_is_refused_no_more():
    """A token lifts a refusal of the client as a whole, and not one of another scope."""
    state = EndpointState().after(Refused(REFUSAL, None, "1"), 0.0)
    state = state.after(Refused(REFUSAL, Scope("b"), "1"), 0.0).after(Succeeded(), 1.0)

    assert (None, {Scope("b")}) == (state.refusal_of(Scope("a"), 1.0), set(state.refusals))


def test_a_5xx_that_asked_to_be_left_alone_says_for_how_long():
    """The seconds that are left are counted from now, and the error stays what it was."""
    failed = errors.ServerFailed("down", status=500, retry_after=9.0)
    error = EndpointState().after(Failed(failed, 9.0), 0.0).cooldown_error(3.0)

    assert (errors.ServerFailed, 6.0, 9.0) == (type(error), error.retry_after, failed.retry_after)


def test_a_longer_wish_is_never_cut_short():
    """A short pause does not end a long one that was asked for before."""
    state = EndpointState().after(Failed(BUSY, 9.0), 0.0).after(Failed(LOST, 1.0), 1.0)

    assert (9.0, 2) == (state.cooldown_until, state.failures)
    assert 6.0 == state.cooldown_error(3.0).retry_after


def test_a_caller_who_cannot_wait_gets_a_copy_of_the_last_failure():
    """Each caller gets an error of its own."""
    state = EndpointState().after(Failed(LOST, 2.0), 0.0)

    assert state.cooldown_error(1.0) is not state.cooldown_error(1.0)
    assert "transport.connect" == state.cooldown_error(1.0).code


def test_a_cool_down_of_another_engine_speaks_for_itself():
    """A cool-down met elsewhere in the process is told as busy."""
    error = EndpointState().with_cooldown_until(8.0).cooldown_error(3.0)

    assert ("rate_limited", 5.0) == (error.code, error.retry_after)


def test_a_refusal_is_forgotten_after_a_minute():
    """A refusal is remembered for 60 s, for its scope alone."""
    state = EndpointState().after(Refused(REFUSAL, Scope("a"), "1"), 0.0)

    assert state.refusal_of(Scope("a"), 59.9) is not None
    assert state.refusal_of(Scope("a"), 60.0) is None
    assert state.refusal_of(Scope("b"), 0.0) is None
    later = state.after(Refused(REFUSAL, Scope("b"), "1"), 61.0)
    assert {Scope("b")} == set(later.refusals)


def test_looks_grow_apart():
    """The secret is looked at again at once, then after 1, 2, 4 … 30 s."""
    state, pauses, now = EndpointState().after(Refused(REFUSAL, None, "1"), 0.0), [], 0.0
    for _ in range(8):
        state = state.after(SecretUnchanged(Scope("a")), now)
        refusal = state.refusal_of(Scope("a"), now)
        pauses.append(refusal.next_recheck - now)

    assert [1, 2, 4, 8, 16, 30, 30, 30] == pauses


def test_a_look_without_a_refusal_changes_nothing():
    """A refusal that was lifted meanwhile stays lifted."""
    assert EndpointState() == EndpointState().after(SecretUnchanged(Scope("a")), 0.0)


def test_forgiving_a_scope_forgives_the_client_and_nothing_else():
    """Lifting one scope's refusal leaves the other scopes'."""
    state = EndpointState()
    for scope in (Scope("a"), Scope("b"), None):
        state = state.after(Refused(REFUSAL, scope, "1"), 0.0)

    assert {Scope("b")} == set(state.forgiving(Scope("a")).refusals)
    assert {} == state.forgiving(None).refusals
