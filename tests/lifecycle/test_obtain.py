"""The story of obtaining a token, on a scripted stage."""

from __future__ import annotations

import pytest
from attrs import evolve

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.standing import Failed, LookedAgain, Refused, Served
from credicorp_auth.lifecycle.world import Birth, Errand, StoredToken
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.token import Grant
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.testing.scripted_world import ScriptedWorld, answer, token_answer

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
NAMELESS = evolve(CLIENT, client_id=None)
ERRAND = Errand(SCOPE, deadline=1_010.0)
KEY = token_key(CLIENT.asks_for(SCOPE), "client-1")
MINT = ["read_cache", "fetch_secret", "send within 10", "write_cache"]


def refuse(error: str, status: int = 400):
    return answer(status, error=error)


def stored(world: ScriptedWorld, *, age: float, lifetime: float = 3600.0) -> StoredToken:
    grant = Grant(Secret("from-cache"), "Bearer", SCOPE, lifetime)
    record = StoredToken("f" * 32, grant, Birth(world.clock.wall - age))
    world.write_cache(KEY, record)
    world.asked.clear()
    return record


def test_a_cold_start_reads_the_cache_then_mints_then_writes_the_cache():
    """A cold start asks the cache, the source and the endpoint once each, and keeps the token."""
    world = ScriptedWorld([token_answer("fresh")])

    obtained = obtain_token(CLIENT, world, ERRAND)

    assert "fresh" == obtained.grant.value.reveal()
    assert MINT == world.asked
    assert [Served()] == world.facts


def test_a_cached_token_costs_no_request():
    """A token in the cache is used as it is, and its age counts from where it was issued."""
    world = ScriptedWorld()
    stored(world, age=100.0)

    obtained = obtain_token(CLIENT, world, ERRAND)

    assert ["read_cache"] == world.asked
    assert 100.0 == world.clock.since(obtained.issued)
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
    world = ScriptedWorld([token_answer()])
    stored(world, age=age)

    obtain_token(CLIENT, world, ERRAND)

    assert MINT == world.asked


def test_a_cached_token_from_a_clock_slightly_ahead_is_new():
    """Up to a minute of skew makes a cached token new, never younger than new."""
    world = ScriptedWorld()
    stored(world, age=-30.0)

    assert 0.0 == world.clock.since(obtain_token(CLIENT, world, ERRAND).issued)


def test_a_refresh_takes_only_a_newer_token_from_the_cache():
    """While a token is held, the cache helps only with a newer one."""
    world = ScriptedWorld([token_answer()])
    record = stored(world, age=100.0)

    newer = obtain_token(
        CLIENT, world, evolve(ERRAND, newer_than=Birth(record.birth.issued_at - 1))
    )
    obtain_token(CLIENT, world, evolve(ERRAND, newer_than=record.birth))

    assert "from-cache" == newer.grant.value.reveal()
    assert ["read_cache", *MINT] == world.asked


def test_a_rejected_record_is_never_read_again():
    """A record that a resource has turned away is not taken from the cache."""
    world = ScriptedWorld([token_answer()])
    record = stored(world, age=1.0)

    obtain_token(CLIENT, world, evolve(ERRAND, rejected=frozenset({record.record_id})))

    assert MINT == world.asked


def test_the_secret_is_fetched_first_where_it_brings_the_client_id():
    """Where the source supplies the id, the key needs it, so the secret comes before the cache."""
    world = ScriptedWorld([token_answer()])

    obtain_token(NAMELESS, world, ERRAND)

    assert ["fetch_secret", "read_cache", "send within 10", "write_cache"] == world.asked


def test_a_lost_connection_is_tried_three_times_with_growing_pauses():
    """Connect errors are retried twice, with pauses, and the last one is raised."""
    lost = [errors.ConnectionFailed(f"lost {n}") for n in (1, 2, 3)]
    world = ScriptedWorld(lost, chance=0.5)

    with pytest.raises(errors.ConnectionFailed, match="lost 3"):
        obtain_token(CLIENT, world, ERRAND)

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
    ] == world.asked
    assert 3 == world.standing.failures


def test_a_success_after_failures_clears_the_record():
    """One token forgives all earlier failures."""
    world = ScriptedWorld([errors.ConnectionFailed("lost"), token_answer()])

    obtain_token(CLIENT, world, ERRAND)

    assert (0, 0.0) == (world.standing.failures, world.standing.quiet_until)


def test_what_cannot_be_retried_is_sent_once():
    """A TLS failure is final for this flight, and starts a pause for the next."""
    world = ScriptedWorld([errors.TlsFailed("bad certificate")])

    with pytest.raises(errors.TlsFailed):
        obtain_token(CLIENT, world, ERRAND)

    assert 1 == len(world.sent)
    assert world.standing.quiet_until > world.clock.boot


def test_a_429_is_waited_for_where_the_deadline_allows():
    """Retry-After is a lower bound for the next request."""
    busy = answer(429, [("Retry-After", "4")], error="slow_down")
    world = ScriptedWorld([busy, token_answer()])

    obtain_token(CLIENT, world, ERRAND)

    assert ["send within 10", "pause 4", "fetch_secret", "send within 6"] == world.asked[2:6]


def test_fault_024_a_429_without_advice_costs_at_least_a_second():
    """24: where the server gives no advice the pause grows with each failure, from a second on."""
    world = ScriptedWorld([answer(429), answer(503), token_answer()], chance=0.5)

    obtain_token(CLIENT, world, ERRAND)

    assert ["pause 1", "pause 1.5"] == [each for each in world.asked if "pause" in each]


def test_a_429_beyond_the_deadline_is_raised_at_once():
    """A caller who cannot wait long enough hears so without a pause and without a request."""
    world = ScriptedWorld([answer(429, [("Retry-After", "11")])])

    with pytest.raises(errors.TokenEndpointBusy) as raised:
        obtain_token(CLIENT, world, ERRAND)

    assert 11.0 == raised.value.retry_after
    assert ["read_cache", "fetch_secret", "send within 10"] == world.asked

    with pytest.raises(errors.TokenEndpointBusy) as raised:
        obtain_token(CLIENT, world, ERRAND)

    assert 1 == len(world.sent)


def test_a_longer_cool_down_met_meanwhile_is_respected():
    """What another flight was told while this one paused counts as well."""

    class BusyMeanwhile(ScriptedWorld):
        """A world where another flight meets a 429 during the first pause."""

        def pause(self, seconds):
            """Pause, and hear of the other flight's 429."""
            super().pause(seconds)
            if 1 == len(self.facts):
                self.remember(Failed(errors.TokenEndpointBusy("busy", retry_after=3.0), 3.0))

    world = BusyMeanwhile([token_answer()])
    world.remember(Failed(errors.ConnectionFailed("lost"), 2.0))

    obtain_token(CLIENT, world, ERRAND)

    assert ["read_cache", "pause 2", "pause 3", "fetch_secret"] == world.asked[:4]


def test_fault_078_a_rotated_secret_is_used_at_once():
    """78: invalid_client makes the source be read past its cache; another version is tried once."""
    world = ScriptedWorld([refuse("invalid_client", 401), token_answer()], secrets=["old", "new"])

    obtain_token(CLIENT, world, ERRAND)

    assert [
        "read_cache",
        "fetch_secret",
        "send within 10",
        "fetch_secret past cache",
        "send within 10",
        "write_cache",
    ] == world.asked
    assert "secret.rotated" in world.told


def test_fault_077_an_unchanged_secret_is_not_tried_again():
    """77: invalid_client with the same secret is one request, and is remembered for the client."""
    world = ScriptedWorld([refuse("invalid_client", 401)])

    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, world, ERRAND)

    assert 1 == len(world.sent)
    assert [None] == [fact.scope for fact in world.facts if isinstance(fact, Refused)]


def test_a_second_rotation_within_a_flight_is_not_followed():
    """A rotated secret that is refused too is the end: never a third request."""
    refusals = [refuse("invalid_client", 401)] * 2
    world = ScriptedWorld(refusals, secrets=["one", "two", "three"])

    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, world, ERRAND)

    assert 2 == len(world.sent)


def test_a_source_that_fails_after_a_refusal_leaves_the_refusal():
    """The refusal is what is reported where the source cannot be read again."""
    world = ScriptedWorld(
        [refuse("invalid_client", 401)], secrets=["old", errors.SecretUnavailable("sealed")]
    )

    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, world, ERRAND)


def test_a_failing_source_is_left_alone_for_a_while():
    """A source that fails is no reason to ask it in a loop."""
    world = ScriptedWorld(secrets=[errors.SecretUnavailable("sealed", retryable=True)])

    with pytest.raises(errors.SecretUnavailable):
        obtain_token(CLIENT, world, ERRAND)

    assert [Failed] == [type(fact) for fact in world.facts]
    assert [] == world.sent


def test_a_remembered_refusal_looks_at_the_source_and_no_further():
    """While a refusal is remembered and the secret is the same, nothing is sent."""
    world = ScriptedWorld([refuse("invalid_scope")])
    with pytest.raises(errors.InvalidScope):
        obtain_token(CLIENT, world, ERRAND)
    refusal = world.standing.refusal_of(SCOPE, world.clock.boot)
    world.asked.clear()

    with pytest.raises(errors.InvalidScope):
        obtain_token(CLIENT, world, evolve(ERRAND, refusal=refusal))

    assert ["fetch_secret past cache"] == world.asked
    assert LookedAgain(SCOPE) == world.facts[-1]


def test_a_changed_secret_lifts_a_refusal():
    """A corrected secret works at once, whatever was remembered."""
    world = ScriptedWorld(
        [refuse("invalid_client", 401), token_answer()], secrets=["wrong", "wrong", "right"]
    )
    with pytest.raises(errors.InvalidClient):
        obtain_token(CLIENT, world, ERRAND)
    refusal = world.standing.refusal_of(SCOPE, world.clock.boot)

    obtain_token(CLIENT, world, evolve(ERRAND, refusal=refusal))

    assert 2 == len(world.sent)


def test_narrowed_scope_is_remembered_like_a_refusal():
    """A server that grants too little is not asked again in a loop."""
    world = ScriptedWorld([token_answer(scope="other")])

    with pytest.raises(errors.ScopeNotGranted):
        obtain_token(CLIENT, world, ERRAND)

    assert world.standing.refusal_of(SCOPE, world.clock.boot) is not None


def test_life_counts_from_before_the_request():
    """58: a token that took 9 s to arrive has 9 s less to live."""
    world = ScriptedWorld([token_answer()], send_seconds=9.0)

    obtained = obtain_token(CLIENT, world, ERRAND)

    assert 9.0 == world.clock.since(obtained.issued)
    assert 9.0 == obtained.mint_seconds


def test_a_token_dead_on_arrival_is_an_error():
    """A token whose life is over before it is here is never handed out."""
    world = ScriptedWorld([token_answer(expires_in=5)] * 3, send_seconds=6.0)

    with pytest.raises(errors.MalformedAnswer) as raised:
        obtain_token(CLIENT, world, ERRAND)

    assert "response.dead_on_arrival" == raised.value.code


def test_no_request_is_sent_after_the_deadline():
    """A flight without time left sends nothing."""
    world = ScriptedWorld([token_answer()])

    with pytest.raises(errors.DeadlinePassed):
        obtain_token(CLIENT, world, evolve(ERRAND, deadline=world.clock.boot))

    assert [] == world.sent


@pytest.mark.parametrize(
    ("date", "told"),
    [
        ("Fri, 15 Jan 2027 08:00:00 GMT", []),
        ("Fri, 15 Jan 2027 08:10:00 GMT", ["clock.skew"]),
        ("Fri, 15 Jan 2027 07:50:00 GMT", ["clock.skew"]),
        ("no date", []),
    ],
)
def test_fault_123_a_clock_that_differs_from_the_servers_is_told(date, told):
    """123: ten minutes between the clocks are worth a warning; the token is used all the same."""
    granted = token_answer()
    world = ScriptedWorld([evolve(granted, headers=[*granted.headers, ("Date", date)])])

    obtain_token(CLIENT, world, ERRAND)

    assert told == [name for name in world.told if name == "clock.skew"]
