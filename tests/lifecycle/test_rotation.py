"""The story of a secret that is rotated while it is used, on a scripted stage."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.standing import Refused
from credicorp_auth.lifecycle.world import Errand
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.testing.scripted_world import ScriptedWorld, answer, token_answer

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
ERRAND = Errand(SCOPE, deadline=1_010.0)
NO = answer(401, error="invalid_client")
AWAY = errors.SecretUnavailable("sealed", retryable=True)

# (secrets the source gives, what the endpoint answers, versions tried, what comes of it)
ROTATIONS = {
    "198: the current version first, then the previous one": (["new|old"], [NO, token_answer()], 2, "settle on old"),
    "079: never more than three versions": (["a", "b|c"], [NO, NO, NO, NO], 3, None),
    "a refused version is not tried twice": (["a|b", "b|a"], [NO, NO, NO], 2, None),
    "the fallback of what was refused, where the source is away": (["a|b", AWAY], [NO, token_answer()], 2, "settle on b"),
    "no fallback, and the source away": (["a", AWAY], [NO, NO], 1, None),
    "199: promoted while we asked": (["a", "b"], [NO, token_answer()], 2, "write_cache"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("secrets", "answers", "tried", "outcome"), ROTATIONS.values(), ids=ROTATIONS
)
def test_versions_are_tried_in_turn(secrets, answers, tried, outcome):
    """A refused version is followed by what the source has now and beside it, three in all at most."""
    world = ScriptedWorld(answers, secrets=secrets)
    if outcome is None:
        with pytest.raises(errors.InvalidClient):
            obtain_token(CLIENT, world, ERRAND)
        assert isinstance(world.facts[-1], Refused)
    else:
        obtain_token(CLIENT, world, ERRAND)
        assert outcome in world.asked

    sent = [request.body.reveal() for request in world.sent]
    assert tried == len(sent) == len(set(sent))


def test_a_failure_of_another_kind_ends_the_trying():
    """A version that meets a failure which is no refusal is not taken for refused."""
    world = ScriptedWorld([NO, errors.TlsFailed("expired")], secrets=["a|b|c"])

    with pytest.raises(errors.TlsFailed):
        obtain_token(CLIENT, world, ERRAND)
    assert 2 == len(world.sent)


def test_the_next_attempt_goes_on_with_what_was_read_last():
    """A failure after a refusal is followed by the newer version alone, not by both once more."""
    busy = answer(503, error="temporarily_unavailable")
    world = ScriptedWorld([NO, busy, token_answer()], secrets=["a", "b", "b"])

    obtain_token(CLIENT, world, ERRAND)

    shown = [dict(parse_qsl(each.body.reveal().decode()))["client_secret"] for each in world.sent]
    assert ["a", "b", "b"] == shown
