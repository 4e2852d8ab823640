"""The stories of a token's successor, and of its end."""

from __future__ import annotations

import pytest

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.obtain import discard_token, refresh_token_entry
from credicorp_auth.lifecycle.runtime import TokenRequirements
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth_testing.scripted_runtime import ScriptedRuntime, token_response

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
REQUIREMENTS = TokenRequirements(SCOPE, deadline=1_010.0)


def test_a_successor_is_minted_while_the_old_token_serves():
    """A refresh is told when it starts, and brings a token."""
    runtime = ScriptedRuntime([token_response("next")])

    assert "next" == refresh_token_entry(CLIENT, runtime, REQUIREMENTS).grant.value.reveal()
    assert "refresh.started" == runtime.emitted[0]


def test_a_failed_refresh_is_an_event():
    """A refresh that fails says so in an event, besides failing."""
    runtime = ScriptedRuntime([errors.TlsFailed("bad certificate")])

    with pytest.raises(errors.TlsFailed):
        refresh_token_entry(CLIENT, runtime, REQUIREMENTS)

    assert "refresh.deferred" == runtime.emitted[-1]


@pytest.mark.parametrize("client", [CLIENT, CLIENT._replace(client_id=None)])
def test_only_the_rejected_record_is_discarded(client):
    """A rejected token leaves the cache; its successor stays."""
    runtime = ScriptedRuntime([token_response("one")])
    first = refresh_token_entry(CLIENT, runtime, REQUIREMENTS)
    key = token_key(CLIENT.asks_for(SCOPE), "client-1")

    discard_token(client, runtime, SCOPE, "0" * 32)
    assert key in runtime.cache

    discard_token(client, runtime, SCOPE, first.record_id)
    assert key not in runtime.cache
