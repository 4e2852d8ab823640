"""The stories of a token's successor, and of its end."""

from __future__ import annotations

import pytest
from attrs import evolve

from credicorp_auth import errors
from credicorp_auth.lifecycle.client import Client, token_key
from credicorp_auth.lifecycle.renew import discard_token, renew_token
from credicorp_auth.lifecycle.world import Errand
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_endpoint import TokenRequest
from credicorp_auth.testing.scripted_world import ScriptedWorld, token_answer

SCOPE = Scope("decisions:read")
CLIENT = Client("client-1", TokenRequest("https://as.example/token", scope=SCOPE))
ERRAND = Errand(SCOPE, deadline=1_010.0)


def test_a_successor_is_minted_while_the_old_token_serves():
    """A refresh is told when it starts, and brings a token."""
    world = ScriptedWorld([token_answer("next")])

    assert "next" == renew_token(CLIENT, world, ERRAND).grant.value.reveal()
    assert "refresh.started" == world.told[0]


def test_a_failed_refresh_is_an_event():
    """A refresh that fails says so in an event, besides failing."""
    world = ScriptedWorld([errors.TlsFailed("bad certificate")])

    with pytest.raises(errors.TlsFailed):
        renew_token(CLIENT, world, ERRAND)

    assert "refresh.deferred" == world.told[-1]


@pytest.mark.parametrize("client", [CLIENT, evolve(CLIENT, client_id=None)])
def test_only_the_rejected_record_is_discarded(client):
    """A rejected token leaves the cache; its successor stays."""
    world = ScriptedWorld([token_answer("one")])
    first = renew_token(CLIENT, world, ERRAND)
    key = token_key(CLIENT.asks_for(SCOPE), "client-1")

    discard_token(client, world, SCOPE, "0" * 32)
    assert key in world.cache

    discard_token(client, world, SCOPE, first.record_id)
    assert key not in world.cache
