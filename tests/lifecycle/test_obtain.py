"""Obtaining a token, on a scripted stage."""

from __future__ import annotations

import pytest
from attrs import evolve

from credicorp_auth import errors
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.endpoint_state import Failed, Refused, SecretUnchanged, Succeeded
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.runtime import Issuance, StoredToken, TokenRequirements
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import Grant
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth_testing.scripted_runtime import ScriptedRuntime, response, token_response

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
NAMELESS = CLIENT._replace(client_id=None)
REQUIREMENTS = TokenRequirements(SCOPE, deadline=1_010.0)
KEY = token_key(CLIENT.asks_for(SCOPE), "client-1")
MINT = ["read_cache", "fetch_secret", "send within 10", "write_cache"]


def refuse(error: str, status: int = 400):
    return response(status, error=error)


def stored(runtime: ScriptedRuntime, *, age: float, lifetime: float = 3600.0) -> StoredToken:
    grant = Grant(Secret("from-cache"), "Bearer", SCOPE, lifetime)
    record = StoredToken("f" * 32, grant, Issuance(runtime.clock.wall - age))
    runtime.write_cache(KEY, record)
    runtime.asked.clear()
    return record


def test_a_cold_start_reads_the_cache_then_mints_then_writes_the_cache():
    """A cold start asks the cache, the source and the endpoint once each, and keeps the token."""
    runtime = ScriptedRuntime([token_response("fresh")])

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert "fresh" == obtained.grant.value.reveal()
    assert MINT == runtime.asked
    assert [Succeeded()] == runtime.outcomes


def test_a_cached_token_costs_no_request():
    """A token in the cache is used as it is, and its age counts from where it was issued."""
    runtime = ScriptedRuntime()
    stored(runtime, age=100.0)

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert ["read_cache"] == runtime.asked
    assert 100.0 == runtime.clock.since(obtained.issued)
    assert obtained.mint_seconds is None


@pytest.mark.parametrize(
    "age",
    [
        pytest.param(3600.0, id="expired"),
        pytest.param(3571.0, id="within its mandatory window"),
        pytest.param(-61.0, id="120: issued in the future"),
    ],
)
def test_a_cached_token_that_cannot_be_trusted_is_absent(age):
    """A cached token that is dead, dying or from the future is not used."""
    runtime = ScriptedRuntime([token_response()])
    stored(runtime, age=age)

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert MINT == runtime.asked


def test_a_cached_token_from_a_clock_slightly_ahead_is_new():
    """Up to a minute of skew makes a cached token new, never younger than new."""
    runtime = ScriptedRuntime()
    stored(runtime, age=-30.0)

    assert 0.0 == runtime.clock.since(obtain_token(CLIENT, runtime, REQUIREMENTS).issued)


def test_a_refresh_takes_only_a_newer_token_from_the_cache():
    """While a token is held, the cache helps only with a newer one."""
    runtime = ScriptedRuntime([token_response()])
    record = stored(runtime, age=100.0)

    newer = obtain_token(
        CLIENT, runtime, REQUIREMENTS._replace(newer_than=Issuance(record.issuance.issued_at - 1))
    )
    obtain_token(CLIENT, runtime, REQUIREMENTS._replace(newer_than=record.issuance))

    assert "from-cache" == newer.grant.value.reveal()
    assert ["read_cache", *MINT] == runtime.asked


def test_a_rejected_record_is_never_read_again():
    """A record that a resource has refused is not taken from the cache."""
    runtime = ScriptedRuntime([token_response()])
    record = stored(runtime, age=1.0)

    obtain_token(CLIENT, runtime, REQUIREMENTS._replace(rejected=frozenset({record.record_id})))

    assert MINT == runtime.asked


def test_the_secret_is_fetched_first_where_it_brings_the_client_id():
    """Where the source supplies the id, the key needs it, so the secret comes before the cache."""
    runtime = ScriptedRuntime([token_response()])

    obtain_token(NAMELESS, runtime, REQUIREMENTS)

    assert ["fetch_secret", "read_cache", "send within 10", "write_cache"] == runtime.asked


def test_a_lost_connection_is_tried_three_times_with_growing_pauses():
    """Connect errors are retried twice, with pauses, and the last one is raised."""
    lost = [errors.ConnectionFailed(f"lost {n}") for n in (1, 2, 3)]
    runtime = ScriptedRuntime(lost, chance=0.5)

    with pytest.raises(errors.ConnectionFailed, match="lost 3"):
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert [
        "read_cache",
        "fetch_secret",
        "send within 10",
        "pause 0.75",
        "fetch_secret",
        "send within 9.25",
        "pause 1.25",
        "fetch_secret",
        "send within 8",
    ] == runtime.asked
    assert 3 == runtime.state.failures


def test_a_success_after_failures_clears_the_record():
    """One token forgives all earlier failures."""
    runtime = ScriptedRuntime([errors.ConnectionFailed("lost"), token_response()])

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert (0, 0.0) == (runtime.state.failures, runtime.state.cooldown_until)


def test_what_cannot_be_retried_is_sent_once():
    """A TLS failure is final for this call, and starts a pause for the next."""
    runtime = ScriptedRuntime([errors.TlsFailed("bad certificate")])

    with pytest.raises(errors.TlsFailed):
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert 1 == len(runtime.sent)
    assert runtime.state.cooldown_until > runtime.clock.boot


def test_a_429_is_waited_for_where_the_deadline_allows():
    """Retry-After is a lower bound for the next request."""
    busy = response(429, [("Retry-After", "4")], error="slow_down")
    runtime = ScriptedRuntime([busy, token_response()])

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert ["send within 10", "pause 4", "fetch_secret", "send within 6"] == runtime.asked[2:6]


def test_fault_024_a_429_without_advice_costs_at_least_a_second():
    """24: where the server gives no advice the pause grows with each failure, from a second on."""
    runtime = ScriptedRuntime([response(429), response(503), token_response()], chance=0.5)

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert ["pause 1", "pause 1.5"] == [each for each in runtime.asked if "pause" in each]


def test_a_429_beyond_the_deadline_is_raised_at_once():
    """A caller who cannot wait long enough hears so without a pause and without a request."""
    runtime = ScriptedRuntime([response(429, [("Retry-After", "11")])])

    with pytest.raises(errors.TokenEndpointBusy) as raised:
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert 11.0 == raised.value.retry_after
    assert ["read_cache", "fetch_secret", "send within 10"] == runtime.asked

    with pytest.raises(errors.TokenEndpointBusy) as raised:
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert 1 == len(runtime.sent)


def test_a_longer_cool_down_met_meanwhile_is_respected():
    """What another call was told while this one paused counts as well."""

    class BusyMeanwhile(ScriptedRuntime):
        """A world where another call meets a 429 during the first pause."""

        def pause(self, seconds):
            """Pause, and hear of the other call's 429."""
            super().pause(seconds)
            if 1 == len(self.outcomes):
                self.remember(Failed(errors.TokenEndpointBusy("busy", retry_after=3.0), 3.0))

    runtime = BusyMeanwhile([token_response()])
    runtime.remember(Failed(errors.ConnectionFailed("lost"), 2.0))

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert ["read_cache", "pause 2", "pause 3", "fetch_secret"] == runtime.asked[:4]


def test_fault_078_a_rotated_secret_is_used_at_once():
    """78: invalid_client makes the source be read past its cache; another version is tried once."""
    runtime = ScriptedRuntime(
        [refuse("invalid_client", 401), token_response()], secrets=["old", "new"]
    )

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert [
        "read_cache",
        "fetch_secret",
        "send within 10",
        "fetch_secret past cache",
        "send within 10",
        "write_cache",
    ] == runtime.asked
    assert "secret.rotated" in runtime.emitted


def test_fault_077_an_unchanged_secret_is_not_tried_again():
    """77: invalid_client with the same secret is one request, and is remembered for the client."""
    runtime = ScriptedRuntime([refuse("invalid_client", 401)])

    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert 1 == len(runtime.sent)
    assert [None] == [outcome.scope for outcome in runtime.outcomes if isinstance(outcome, Refused)]


def test_a_second_rotation_within_a_flight_is_not_followed():
    """A rotated secret that is refused too is the end: never a third request."""
    refusals = [refuse("invalid_client", 401)] * 2
    runtime = ScriptedRuntime(refusals, secrets=["one", "two", "three"])

    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert 2 == len(runtime.sent)


def test_a_source_that_fails_after_a_refusal_leaves_the_refusal():
    """The refusal is what is reported where the source cannot be read again."""
    runtime = ScriptedRuntime(
        [refuse("invalid_client", 401)], secrets=["old", errors.SecretUnavailable("sealed")]
    )

    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, runtime, REQUIREMENTS)


def test_a_failing_source_is_left_alone_for_a_while():
    """A source that fails is no reason to ask it in a loop."""
    runtime = ScriptedRuntime(secrets=[errors.SecretUnavailable("sealed", retryable=True)])

    with pytest.raises(errors.SecretUnavailable):
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert [Failed] == [type(outcome) for outcome in runtime.outcomes]
    assert [] == runtime.sent


def test_a_remembered_refusal_looks_at_the_source_and_no_further():
    """While a refusal is remembered and the secret is the same, nothing is sent."""
    runtime = ScriptedRuntime([refuse("invalid_scope")])
    with pytest.raises(errors.InvalidScope):
        obtain_token(CLIENT, runtime, REQUIREMENTS)
    refusal = runtime.state.refusal_of(SCOPE, runtime.clock.boot)
    runtime.asked.clear()

    with pytest.raises(errors.InvalidScope):
        obtain_token(CLIENT, runtime, REQUIREMENTS._replace(refusal=refusal))

    assert ["fetch_secret past cache"] == runtime.asked
    assert SecretUnchanged(SCOPE) == runtime.outcomes[-1]


def test_a_changed_secret_lifts_a_refusal():
    """A corrected secret works at once, no matter what was remembered."""
    runtime = ScriptedRuntime(
        [refuse("invalid_client", 401), token_response()], secrets=["wrong", "wrong", "right"]
    )
    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, runtime, REQUIREMENTS)
    refusal = runtime.state.refusal_of(SCOPE, runtime.clock.boot)

    obtain_token(CLIENT, runtime, REQUIREMENTS._replace(refusal=refusal))

    assert 2 == len(runtime.sent)


def test_narrowed_scope_is_remembered_like_a_refusal():
    """A server that grants too little is not asked again in a loop."""
    runtime = ScriptedRuntime([token_response(scope="other")])

    with pytest.raises(errors.ScopeNotGranted):
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert runtime.state.refusal_of(SCOPE, runtime.clock.boot) is not None


def test_life_counts_from_before_the_request():
    """58: a token that took 9 s to arrive has 9 s less to live."""
    runtime = ScriptedRuntime([token_response()], send_seconds=9.0)

    obtained = obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert 9.0 == runtime.clock.since(obtained.issued)
    assert 9.0 == obtained.mint_seconds


def test_a_token_dead_on_arrival_is_an_error():
    """A token whose life is over before it is here is never handed out."""
    runtime = ScriptedRuntime([token_response(expires_in=5)] * 3, send_seconds=6.0)

    with pytest.raises(errors.MalformedResponse) as raised:
        obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert "response.dead_on_arrival" == raised.value.code


def test_no_request_is_sent_after_the_deadline():
    """A call without time left sends nothing."""
    runtime = ScriptedRuntime([token_response()])

    with pytest.raises(errors.DeadlinePassed):
        obtain_token(CLIENT, runtime, REQUIREMENTS._replace(deadline=runtime.clock.boot))

    assert [] == runtime.sent


@pytest.mark.parametrize(
    ("date", "emitted"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", []),
        ("Fri, 15 Jan 2027 08:10:00 GMT", ["clock.skew"]),
        ("Fri, 15 Jan 2027 07:50:00 GMT", ["clock.skew"]),
        ("no date", []),
    ],
)
def test_fault_123_a_clock_that_differs_from_the_servers_is_told(date, emitted):
    """123: ten minutes between the clocks are worth a warning; the token is used all the same."""
    granted = token_response()
    runtime = ScriptedRuntime([evolve(granted, headers=[*granted.headers, ("Date", date)])])

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    assert emitted == [name for name in runtime.emitted if name == "clock.skew"]
