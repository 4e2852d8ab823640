"""The stories of introspection and revocation on a scripted stage: what is asked, in which order."""

from __future__ import annotations

import pytest

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.introspect import introspect_token, seconds_to_believe
from credicorp_auth.lifecycle.revoke import revoke_token, withdraw_token
from credicorp_auth.lifecycle.standing import Failed, Served
from credicorp_auth.lifecycle.world import Birth, StoredToken
from credicorp_auth.oauth.introspection import IntrospectionPolicy
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.token import Grant
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.testing.scripted_world import ScriptedWorld, answer

TOKEN = Secret("opaque")
METHOD = "client_secret_post"
NO = answer(401, error="invalid_client")
YES = answer(active=True)
LOST = errors.ConnectionFailed("reset")
AWAY = errors.SecretUnavailable("sealed", retryable=True)
ASKED = ["find_endpoint within 10", "fetch_secret", "send within 10"]


def introspect(world, deadline=1_010.0):
    """Ask about the token; return what came of it."""
    return introspect_token(TOKEN, METHOD, IntrospectionPolicy(), world, deadline)


def test_a_question_is_one_request():
    """The endpoint is found, the secret fetched, one request sent; the answer is told."""
    world = ScriptedWorld([YES], send_seconds=2.0)
    answered = introspect(world)

    assert ASKED == world.asked
    assert (["introspection.answered"], [Served()]) == (world.told, world.facts)
    assert (True, 1_000.0) == (answered.answer.active, answered.sent.boot)


@pytest.mark.parametrize(
    ("members", "seconds"),
    [({}, 60.0), ({"exp": 1_800_000_007}, 7.0), ({"exp": 1_800_000_090.5}, 60.0)],
)
def test_an_answer_is_believed_for_a_minute_at_most(members, seconds):
    """An active token for a minute, less where it ends before."""
    assert seconds == seconds_to_believe(
        introspect(ScriptedWorld([answer(active=True, **members)]))
    )


def test_an_inactive_answer_is_believed_for_seconds():
    """Five of them, whatever the server says of the token's end."""
    told = introspect(ScriptedWorld([answer(active=False, exp=1_800_003_600)]))

    assert 5.0 == seconds_to_believe(told)


def test_a_connection_that_fails_is_tried_once_more():
    """A lost connection costs one more request at once; a second one is the end."""
    world = ScriptedWorld([LOST, YES])
    assert introspect(world).answer.active
    assert ["send within 10"] * 2 == world.asked[2:]

    world = ScriptedWorld([LOST, LOST, YES])
    with pytest.raises(errors.ConnectionFailed):
        introspect(world)
    assert 2 == len(world.sent)
    assert isinstance(world.facts[-1], Failed)
    assert ["introspection.failed"] == world.told


def test_a_connection_that_cannot_help_is_not_tried_again():
    """What is no HTTP server, or a proxy that refuses, will say the same a moment later."""
    world = ScriptedWorld([errors.ConnectionFailed("no HTTP", retryable=False), YES])

    with pytest.raises(errors.ConnectionFailed, match="no HTTP"):
        introspect(world)
    assert 1 == len(world.sent)


def test_no_second_request_is_sent_past_the_deadline():
    """Where the first attempt took all the time, there is no second one."""
    world = ScriptedWorld([LOST, YES], send_seconds=10.0)

    with pytest.raises(errors.DeadlinePassed):
        introspect(world)
    assert 1 == len(world.sent)


def test_time_that_finding_the_endpoint_took_is_not_held_against_it():
    """Where discovery took all the time nothing is sent, and the endpoint is not left alone."""

    class Slow(ScriptedWorld):
        def find_endpoint(self, seconds):
            self.advance(seconds)
            return super().find_endpoint(seconds)

    world = Slow([YES])
    with pytest.raises(errors.DeadlinePassed):
        introspect(world)

    assert (["find_endpoint within 10"], []) == (world.asked, world.facts)


# (secrets the source gives, what the endpoint answers, what is asked last)
ROTATIONS = {
    "replaced": (["old", "new"], [NO, YES], "send within 10"),
    "the current version first, then the previous one": (["new|old"], [NO, YES], "settle on old"),
    "the fallback of what was refused, where the source is away": (["a|b", AWAY], [NO, YES], "settle on b"),
    "the second of two others": (["a", "b|c"], [NO, NO, YES], "settle on c"),
}  # fmt: skip


@pytest.mark.parametrize(("secrets", "answers", "last"), ROTATIONS.values(), ids=ROTATIONS)
def test_a_refused_secret_is_followed_by_its_other_versions(secrets, answers, last):
    """What the source has now is shown, then what it has beside that."""
    world = ScriptedWorld(answers, secrets=secrets)
    introspect(world)

    assert (last, len(answers)) == (world.asked[-1], len(world.sent))
    assert "secret.rotated" in world.told


@pytest.mark.parametrize(
    ("secrets", "sent"), [(["same"], 1), (["a", "b|c"], 3), (["a", AWAY], 1)], ids=str
)
def test_a_client_that_stays_refused_leaves_the_endpoint_alone(secrets, sent):
    """Three versions at most; then the refusal is raised and remembered."""
    world = ScriptedWorld([NO] * 9, secrets=secrets)

    with pytest.raises(errors.InvalidClient):
        introspect(world)
    assert sent == len(world.sent)
    with pytest.raises(errors.InvalidClient):
        introspect(world)
    assert sent == len(world.sent)


def test_a_busy_endpoint_is_left_alone_as_it_asks():
    """Retry-After is a lower bound; meanwhile nothing is asked, not even for the secret."""
    world = ScriptedWorld([answer(429, [("Retry-After", "30")]), YES])
    with pytest.raises(errors.TokenEndpointBusy) as busy:
        introspect(world)
    assert 30.0 == busy.value.retry_after
    world.asked.clear()
    with pytest.raises(errors.TokenEndpointBusy):
        introspect(world)
    assert [] == world.asked
    world.advance(30)

    assert introspect(world, deadline=2_000.0).answer.active


def test_success_forgets_failures():
    """After an answer the next failure starts with a short pause again."""
    world = ScriptedWorld([LOST, LOST, YES])
    with pytest.raises(errors.ConnectionFailed):
        introspect(world)
    world.advance(2)
    introspect(world)

    assert 0 == world.standing.failures


def test_a_token_is_revoked_with_one_request():
    """The server's 200 is told; nothing else happens."""
    world = ScriptedWorld([answer()])
    revoke_token(TOKEN, METHOD, world, 1_010.0)

    assert (ASKED, ["token.revoked"]) == (world.asked, world.told)


def test_a_revocation_that_fails_is_told():
    """What the server did not do is an error and an event."""
    world = ScriptedWorld([answer(400, error="unsupported_token_type")])

    with pytest.raises(errors.UnsupportedTokenType):
        revoke_token(TOKEN, METHOD, world, 1_010.0)
    assert (["revocation.failed"], []) == (world.told, world.facts)


@pytest.mark.parametrize("client_id", ["client-1", None], ids=["id set", "id from the source"])
def test_a_revoked_token_leaves_the_cache_and_no_other_does(client_id):
    """The record is dropped where it holds that very token."""
    client = Client(client_id, TokenRequest("https://as.example/token"))
    world = ScriptedWorld()
    for number, (scope, value) in enumerate([("a", "opaque"), ("b", "other")]):
        key = token_key(client.asks_for(Scope(scope)), "client-1")
        grant = Grant(Secret(value), "Bearer", Scope(scope), 3600.0)
        world.write_cache(key, StoredToken(f"{number:032x}", grant, Birth(1_800_000_000.0)))
    withdraw_token(client, world, TOKEN, [Scope("a"), Scope("b"), Scope("c")])

    assert [token_key(client.asks_for(Scope("b")), "client-1")] == list(world.cache)
    assert ["token.invalidated"] == world.told
