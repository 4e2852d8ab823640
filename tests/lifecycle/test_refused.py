"""The story of a refusal that may blame the client's secret, on a scripted stage."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client
from credicorp_auth.lifecycle.introspect import introspect_token
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.revoke import revoke_token
from credicorp_auth.lifecycle.standing import LookedAgain, Refused
from credicorp_auth.lifecycle.world import Errand
from credicorp_auth.oauth.introspection import IntrospectionPolicy
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.testing.scripted_world import ScriptedWorld, answer, token_answer

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
ERRAND = Errand(SCOPE, deadline=1_010.0)
PAST_CACHE = "fetch_secret past cache"


def mint(world):
    """Ask for a token."""
    return obtain_token(CLIENT, world, ERRAND)


def introspect(world):
    """Ask about a token."""
    asked = IntrospectionPolicy()
    deadline = world.now().boot + 10.0
    return introspect_token(Secret("opaque"), "client_secret_post", asked, world, deadline)


def revoke(world):
    """Revoke a token."""
    return revoke_token(Secret("opaque"), "client_secret_post", world, world.now().boot + 10.0)


REQUESTS = {
    "mint": (mint, token_answer()),
    "introspect": (introspect, answer(active=True)),
    "revoke": (revoke, answer()),
}
# (a refusal that may blame the client, whether it is one of the client as a whole)
BLAMING = {
    "invalid_client": (answer(401, error="invalid_client"), True),
    "invalid_client-400": (answer(400, error="invalid_client"), True),
    "bare-401": (answer(401), True),
    "unauthorized": (answer(401, error="unauthorized"), True),
    "access_denied": (answer(401, error="access_denied"), True),
    "unauthorized_client": (answer(401, error="unauthorized_client"), True),
    "unauthorized_client-400": (answer(400, error="unauthorized_client"), False),
    "access_denied-403": (answer(403, error="access_denied"), False),
    "bare-403": (answer(403), True),
    "unknown-403": (answer(403, error="what_now"), False),
}


def shown(world):
    """Return the secrets that were shown to the endpoint."""
    return [dict(parse_qsl(each.body.reveal().decode()))["client_secret"] for each in world.sent]


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("refusal", BLAMING)
def test_fault_394_a_rotated_secret_works_whatever_name_the_refusal_bears(request_of, refusal):
    """394: the source is read once past its cache; what changed is tried in the same call."""
    ask, success = REQUESTS[request_of]
    world = ScriptedWorld([BLAMING[refusal][0], success], secrets=["old", "new"])

    ask(world)

    assert ["old", "new"] == shown(world)
    assert 1 == world.asked.count(PAST_CACHE)
    assert "secret.rotated" in world.told


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("refusal", BLAMING)
def test_fault_394_076_an_unchanged_secret_is_shown_once(request_of, refusal):
    """394, 76: one request and one reading; remembered for the whole client or for what was asked."""
    ask, _ = REQUESTS[request_of]
    response, whole = BLAMING[refusal]
    world = ScriptedWorld([response], secrets=["same"])

    with pytest.raises(errors.CredicorpAuthError):
        ask(world)

    remembered = [fact.scope for fact in world.facts if isinstance(fact, Refused)]
    assert (1, 1) == (len(world.sent), world.asked.count(PAST_CACHE))
    assert ([None] if whole else [SCOPE] if request_of == "mint" else []) == remembered


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize(
    "refusal",
    [answer(400, error="invalid_request"), answer(401, error="invalid_scope"), answer(410), answer(404, error="invalid_client")],
    ids=["invalid_request", "401-invalid_scope", "410", "404"],
)  # fmt: skip
def test_fault_394_what_blames_something_else_does_not_read_the_secret(request_of, refusal):
    """394: a code that we know, and that is not about the client, leaves the source alone."""
    ask, _ = REQUESTS[request_of]
    world = ScriptedWorld([refusal], secrets=["old", "new"])

    with pytest.raises(errors.CredicorpAuthError):
        ask(world)

    assert (1, 0) == (len(world.sent), world.asked.count(PAST_CACHE))


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_fault_390_a_failure_by_its_status_does_not_read_the_secret(status):
    """390: three requests with one secret, whatever error the body names."""
    world = ScriptedWorld([answer(status, error="invalid_client")] * 3, secrets=["old", "new"])

    with pytest.raises(errors.ServerFailed) as raised:
        mint(world)

    assert ("invalid_client", 3) == (raised.value.error, len(world.sent))
    assert PAST_CACHE not in world.asked


@pytest.mark.parametrize("request_of", ["introspect", "revoke"])
def test_fault_394_a_refused_client_asks_no_question_until_its_secret_changes(request_of):
    """394: for a minute the source is looked at, at growing intervals; a changed secret lifts it."""
    ask, success = REQUESTS[request_of]
    away = errors.SecretUnavailable("sealed", retryable=True)
    secrets = ["old", "old", "old", away, "new"]
    world = ScriptedWorld([answer(401), success], secrets=secrets)
    codes = []
    for advance in (0, 0, 0.5, 0.5, 1.0):
        world.advance(advance)
        with pytest.raises(errors.InvalidClient) as raised:
            ask(world)
        codes.append(raised.value.code)
    assert (1, {"oauth.invalid_client"}) == (len(world.sent), set(codes))
    assert 3 == world.asked.count(PAST_CACHE)
    assert [LookedAgain(Scope())] * 2 == world.facts[1:]
    world.advance(1.0)
    ask(world)

    assert ["old", "new"] == shown(world)
    assert {} == world.standing.refusals


@pytest.mark.parametrize("request_of", ["introspect", "revoke"])
def test_fault_394_a_refusal_is_forgotten_after_a_minute(request_of):
    """394: after 60 s the endpoint is asked again with the secret that it refused."""
    ask, success = REQUESTS[request_of]
    world = ScriptedWorld([answer(401), success])
    with pytest.raises(errors.InvalidClient):
        ask(world)
    world.advance(60.0)
    ask(world)

    assert 2 == len(world.sent)
