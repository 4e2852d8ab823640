"""A secret that is rotated while it is used, on a scripted stage."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client
from credicorp_auth.lifecycle.endpoint_state import Refused
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.runtime import TokenRequirements
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth_testing.scripted_runtime import ScriptedRuntime, response, token_response

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
REQUIREMENTS = TokenRequirements(SCOPE, deadline=1_010.0)
NO = response(401, error="invalid_client")
AWAY = errors.SecretUnavailable("sealed", retryable=True)

# (secrets the source gives, what the endpoint answers, versions tried, result)
ROTATIONS = {
    "198: the current version first, then the previous one": (["new|old"], [NO, token_response()], 2, "settle on old"),
    "079: never more than three versions": (["a", "b|c"], [NO, NO, NO, NO], 3, None),
    "a refused version is not tried twice": (["a|b", "b|a"], [NO, NO, NO], 2, None),
    "the fallback of what was refused, where the source is away": (["a|b", AWAY], [NO, token_response()], 2, "settle on b"),
    "no fallback, and the source away": (["a", AWAY], [NO, NO], 1, None),
    "199: promoted while we asked": (["a", "b"], [NO, token_response()], 2, "write_cache"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("secrets", "responses", "tried", "outcome"), ROTATIONS.values(), ids=ROTATIONS
)
def test_versions_are_tried_in_turn(secrets, responses, tried, outcome):
    """A refused version is followed by what the source has now and beside it, three in all at most."""
    runtime = ScriptedRuntime(responses, secrets=secrets)
    if outcome is None:
        with pytest.raises(errors.InvalidClient):
            obtain_token(CLIENT, runtime, REQUIREMENTS)
        assert isinstance(runtime.outcomes[-1], Refused)
    else:
        obtain_token(CLIENT, runtime, REQUIREMENTS)
        assert outcome in runtime.asked

    sent = [request.body.reveal() for request in runtime.sent]
    assert tried == len(sent) == len(set(sent))


def test_a_failure_of_another_kind_ends_the_trying():
    """A version that meets a failure which is no refusal is not taken for refused."""
    runtime = ScriptedRuntime([NO, errors.TlsFailed("expired")], secrets=["a|b|c"])

    with pytest.raises(errors.TlsFailed):
        obtain_token(CLIENT, runtime, REQUIREMENTS)
    assert 2 == len(runtime.sent)


def test_the_next_attempt_goes_on_with_what_was_read_last():
    """A failure after a refusal is followed by the newer version alone, not by both once more."""
    busy = response(503, error="temporarily_unavailable")
    runtime = ScriptedRuntime([NO, busy, token_response()], secrets=["a", "b", "b"])

    obtain_token(CLIENT, runtime, REQUIREMENTS)

    shown = [dict(parse_qsl(each.body.reveal().decode()))["client_secret"] for each in runtime.sent]
    assert ["a", "b", "b"] == shown
