"""The stories of introspection and revocation on a scripted stage: what is asked, in which order."""

from __future__ import annotations

import pytest

from credicorp_auth import errors
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.endpoint_state import Failed, Succeeded
from credicorp_auth.lifecycle.introspect import cacheable_seconds, introspect_token
from credicorp_auth.lifecycle.revoke import revoke_token, withdraw_token
from credicorp_auth.lifecycle.runtime import Issuance, StoredToken
from credicorp_auth.oauth.introspection import IntrospectionPolicy
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import Grant
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth_testing.scripted_runtime import ScriptedRuntime, response

TOKEN = Secret("opaque")
METHOD = "client_secret_post"
NO = response(401, error="invalid_client")
YES = response(active=True)
LOST = errors.ConnectionFailed("reset")
AWAY = errors.SecretUnavailable("sealed", retryable=True)
ASKED = ["find_endpoint within 10", "fetch_secret", "send within 10"]


def introspect(runtime, deadline=1_010.0):
    """Ask about the token; return what came of it."""
    return introspect_token(TOKEN, METHOD, IntrospectionPolicy(), runtime, deadline)


def test_a_question_is_one_request():
    """The endpoint is found, the secret fetched, one request sent; the answer is told."""
    runtime = ScriptedRuntime([YES], send_seconds=2.0)
    answered = introspect(runtime)

    assert ASKED == runtime.asked
    assert (["introspection.completed"], [Succeeded()]) == (runtime.emitted, runtime.outcomes)
    assert (True, 1_000.0) == (answered.response.active, answered.sent.boot)


@pytest.mark.parametrize(
    ("members", "seconds"),
    [({}, 60.0), ({"exp": 1_800_000_007}, 7.0), ({"exp": 1_800_000_090.5}, 60.0)],
)
def test_an_answer_is_believed_for_a_minute_at_most(members, seconds):
    """An active token for a minute, less where it ends before."""
    assert seconds == cacheable_seconds(
        introspect(ScriptedRuntime([response(active=True, **members)]))
    )


def test_an_inactive_answer_is_believed_for_seconds():
    """Five of them, no matter what the server says of the token's end."""
    emitted = introspect(ScriptedRuntime([response(active=False, exp=1_800_003_600)]))

    assert 5.0 == cacheable_seconds(emitted)


def test_a_connection_that_fails_is_tried_once_more():
    """A lost connection costs one more request at once; a second one is the end."""
    runtime = ScriptedRuntime([LOST, YES])
    assert introspect(runtime).response.active
    assert ["send within 10"] * 2 == runtime.asked[2:]

    runtime = ScriptedRuntime([LOST, LOST, YES])
    with pytest.raises(errors.ConnectionFailed):
        introspect(runtime)
    assert 2 == len(runtime.sent)
    assert isinstance(runtime.outcomes[-1], Failed)
    assert ["introspection.failed"] == runtime.emitted


def test_a_connection_that_cannot_help_is_not_tried_again():
    """What is no HTTP server, or a proxy that refuses, will say the same a moment later."""
    runtime = ScriptedRuntime([errors.ConnectionFailed("no HTTP", retryable=False), YES])

    with pytest.raises(errors.ConnectionFailed, match="no HTTP"):
        introspect(runtime)
    assert 1 == len(runtime.sent)


def test_no_second_request_is_sent_past_the_deadline():
    """Where the first attempt took all the time, there is no second one."""
    runtime = ScriptedRuntime([LOST, YES], send_seconds=10.0)

    with pytest.raises(errors.DeadlinePassed):
        introspect(runtime)
    assert 1 == len(runtime.sent)


def test_time_that_finding_the_endpoint_took_is_not_held_against_it():
    """Where discovery took all the time nothing is sent, and the endpoint is not left alone."""

    class Slow(ScriptedRuntime):
        def find_endpoint(self, seconds):
            self.advance(seconds)
            return super().find_endpoint(seconds)

    runtime = Slow([YES])
    with pytest.raises(errors.DeadlinePassed):
        introspect(runtime)

    assert (["find_endpoint within 10"], []) == (runtime.asked, runtime.outcomes)


# (secrets the source gives, what the endpoint answers, what is asked last)
ROTATIONS = {
    "replaced": (["old", "new"], [NO, YES], "send within 10"),
    "the current version first, then the previous one": (["new|old"], [NO, YES], "settle on old"),
    "the fallback of what was refused, where the source is away": (["a|b", AWAY], [NO, YES], "settle on b"),
    "the second of two others": (["a", "b|c"], [NO, NO, YES], "settle on c"),
}  # fmt: skip


@pytest.mark.parametrize(("secrets", "responses", "last"), ROTATIONS.values(), ids=ROTATIONS)
def test_a_refused_secret_is_followed_by_its_other_versions(secrets, responses, last):
    """What the source has now is shown, then what it has beside that."""
    runtime = ScriptedRuntime(responses, secrets=secrets)
    introspect(runtime)

    assert (last, len(responses)) == (runtime.asked[-1], len(runtime.sent))
    assert "secret.rotated" in runtime.emitted


@pytest.mark.parametrize(
    ("secrets", "sent"), [(["same"], 1), (["a", "b|c"], 3), (["a", AWAY], 1)], ids=str
)
def test_a_client_that_stays_refused_leaves_the_endpoint_alone(secrets, sent):
    """Three versions at most; then the refusal is raised and remembered."""
    runtime = ScriptedRuntime([NO] * 9, secrets=secrets)

    with pytest.raises(errors.InvalidClient):
        introspect(runtime)
    assert sent == len(runtime.sent)
    with pytest.raises(errors.InvalidClient):
        introspect(runtime)
    assert sent == len(runtime.sent)


def test_a_busy_endpoint_is_left_alone_as_it_asks():
    """Retry-After is a lower bound; meanwhile nothing is asked, not even for the secret."""
    runtime = ScriptedRuntime([response(429, [("Retry-After", "30")]), YES])
    with pytest.raises(errors.TokenEndpointBusy) as busy:
        introspect(runtime)
    assert 30.0 == busy.value.retry_after
    runtime.asked.clear()
    with pytest.raises(errors.TokenEndpointBusy):
        introspect(runtime)
    assert [] == runtime.asked
    runtime.advance(30)

    assert introspect(runtime, deadline=2_000.0).response.active


def test_success_forgets_failures():
    """After an answer the next failure starts with a short pause again."""
    runtime = ScriptedRuntime([LOST, LOST, YES])
    with pytest.raises(errors.ConnectionFailed):
        introspect(runtime)
    runtime.advance(2)
    introspect(runtime)

    assert 0 == runtime.state.failures


def test_a_token_is_revoked_with_one_request():
    """The server's 200 is told; nothing else happens."""
    runtime = ScriptedRuntime([response()])
    revoke_token(TOKEN, METHOD, runtime, 1_010.0)

    assert (ASKED, ["token.revoked"]) == (runtime.asked, runtime.emitted)


def test_a_revocation_that_fails_is_told():
    """What the server did not do is an error and an event."""
    runtime = ScriptedRuntime([response(400, error="unsupported_token_type")])

    with pytest.raises(errors.UnsupportedTokenType):
        revoke_token(TOKEN, METHOD, runtime, 1_010.0)
    assert (["revocation.failed"], []) == (runtime.emitted, runtime.outcomes)


@pytest.mark.parametrize("client_id", ["client-1", None], ids=["id set", "id from the source"])
def test_a_revoked_token_leaves_the_cache_and_no_other_does(client_id):
    """The record is dropped where it holds that very token."""
    client = Client(client_id, TokenRequest("https://as.example/token"))
    runtime = ScriptedRuntime()
    for number, (scope, value) in enumerate([("a", "opaque"), ("b", "other")]):
        key = token_key(client.asks_for(Scope(scope)), "client-1")
        grant = Grant(Secret(value), "Bearer", Scope(scope), 3600.0)
        runtime.write_cache(key, StoredToken(f"{number:032x}", grant, Issuance(1_800_000_000.0)))
    withdraw_token(client, runtime, TOKEN, [Scope("a"), Scope("b"), Scope("c")])

    assert [token_key(client.asks_for(Scope("b")), "client-1")] == list(runtime.cache)
    assert ["token.invalidated"] == runtime.emitted
