"""A refusal that may blame the client's secret, on a scripted stage."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from credicorp_auth import errors
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import Client
from credicorp_auth.lifecycle.endpoint_state import Refused, SecretUnchanged
from credicorp_auth.lifecycle.introspect import introspect_token
from credicorp_auth.lifecycle.obtain import obtain_token
from credicorp_auth.lifecycle.revoke import revoke_token
from credicorp_auth.lifecycle.runtime import TokenRequirements
from credicorp_auth.oauth.introspection import IntrospectionPolicy
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth_testing.scripted_runtime import ScriptedRuntime, response, token_response

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
REQUIREMENTS = TokenRequirements(SCOPE, deadline=1_010.0)
PAST_CACHE = "fetch_secret past cache"


def mint(runtime):
    """Ask for a token."""
    return obtain_token(CLIENT, runtime, REQUIREMENTS)


def introspect(runtime):
    """Ask about a token."""
    asked = IntrospectionPolicy()
    deadline = runtime.now().boot + 10.0
    return introspect_token(Secret("opaque"), "client_secret_post", asked, runtime, deadline)


def revoke(runtime):
    """Revoke a token."""
    return revoke_token(Secret("opaque"), "client_secret_post", runtime, runtime.now().boot + 10.0)


REQUESTS = {
    "mint": (mint, token_response()),
    "introspect": (introspect, response(active=True)),
    "revoke": (revoke, response()),
}
# (a refusal that may blame the client, whether it is one of the client as a whole)
BLAMING = {
    "invalid_client": (response(401, error="invalid_client"), True),
    "invalid_client-400": (response(400, error="invalid_client"), True),
    "bare-401": (response(401), True),
    "unauthorized": (response(401, error="unauthorized"), True),
    "access_denied": (response(401, error="access_denied"), True),
    "unauthorized_client": (response(401, error="unauthorized_client"), True),
    "unauthorized_client-400": (response(400, error="unauthorized_client"), False),
    "access_denied-403": (response(403, error="access_denied"), False),
    "bare-403": (response(403), True),
    "unknown-403": (response(403, error="what_now"), False),
}


def shown(runtime):
    """Return the secrets that were shown to the endpoint."""
    return [dict(parse_qsl(each.body.reveal().decode()))["client_secret"] for each in runtime.sent]


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("refusal", BLAMING)
def test_fault_394_a_rotated_secret_works_whatever_name_the_refusal_bears(request_of, refusal):
    """394: the source is read once past its cache; what changed is tried in the same call."""
    ask, success = REQUESTS[request_of]
    runtime = ScriptedRuntime([BLAMING[refusal][0], success], secrets=["old", "new"])

    ask(runtime)

    assert ["old", "new"] == shown(runtime)
    assert 1 == runtime.asked.count(PAST_CACHE)
    assert "secret.rotated" in runtime.emitted


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize("refusal", BLAMING)
def test_fault_394_076_an_unchanged_secret_is_shown_once(request_of, refusal):
    """394, 76: one request and one reading; remembered for the whole client or for what was asked."""
    ask, _ = REQUESTS[request_of]
    received, whole = BLAMING[refusal]
    runtime = ScriptedRuntime([received], secrets=["same"])

    with pytest.raises(errors.CredicorpAuthError):
        ask(runtime)

    remembered = [outcome.scope for outcome in runtime.outcomes if isinstance(outcome, Refused)]
    assert (1, 1) == (len(runtime.sent), runtime.asked.count(PAST_CACHE))
    assert ([None] if whole else [SCOPE] if request_of == "mint" else []) == remembered


@pytest.mark.parametrize("request_of", REQUESTS)
@pytest.mark.parametrize(
    "refusal",
    [response(400, error="invalid_request"), response(401, error="invalid_scope"), response(410), response(404, error="invalid_client")],
    ids=["invalid_request", "401-invalid_scope", "410", "404"],
)  # fmt: skip
def test_fault_394_what_blames_something_else_does_not_read_the_secret(request_of, refusal):
    """394: a code that we know, and that is not about the client, leaves the source alone."""
    ask, _ = REQUESTS[request_of]
    runtime = ScriptedRuntime([refusal], secrets=["old", "new"])

    with pytest.raises(errors.CredicorpAuthError):
        ask(runtime)

    assert (1, 0) == (len(runtime.sent), runtime.asked.count(PAST_CACHE))


@pytest.mark.parametrize("status", [408, 500, 502, 504])
def test_fault_390_a_failure_by_its_status_does_not_read_the_secret(status):
    """390: three requests with one secret, no matter what error the body names."""
    runtime = ScriptedRuntime(
        [response(status, error="invalid_client")] * 3, secrets=["old", "new"]
    )

    with pytest.raises(errors.ServerFailed) as raised:
        mint(runtime)

    assert ("invalid_client", 3) == (raised.value.error, len(runtime.sent))
    assert PAST_CACHE not in runtime.asked


@pytest.mark.parametrize("request_of", ["introspect", "revoke"])
def test_fault_394_a_refused_client_asks_no_question_until_its_secret_changes(request_of):
    """394: for a minute the source is looked at, at growing intervals; a changed secret lifts it."""
    ask, success = REQUESTS[request_of]
    away = errors.SecretUnavailable("sealed", retryable=True)
    secrets = ["old", "old", "old", away, "new"]
    runtime = ScriptedRuntime([response(401), success], secrets=secrets)
    codes = []
    for advance in (0, 0, 0.5, 0.5, 1.0):
        runtime.advance(advance)
        with pytest.raises(errors.InvalidClient) as raised:
            ask(runtime)
        codes.append(raised.value.code)
    assert (1, {"oauth.invalid_client"}) == (len(runtime.sent), set(codes))
    assert 3 == runtime.asked.count(PAST_CACHE)
    assert [SecretUnchanged(Scope())] * 2 == runtime.outcomes[1:]
    runtime.advance(1.0)
    ask(runtime)

    assert ["old", "new"] == shown(runtime)
    assert {} == runtime.state.refusals


@pytest.mark.parametrize("request_of", ["introspect", "revoke"])
def test_fault_394_a_refusal_is_forgotten_after_a_minute(request_of):
    """394: after 60 s the endpoint is asked again with the secret that it refused."""
    ask, success = REQUESTS[request_of]
    runtime = ScriptedRuntime([response(401), success])
    with pytest.raises(errors.InvalidClient):
        ask(runtime)
    runtime.advance(60.0)
    ask(runtime)

    assert 2 == len(runtime.sent)
