"""One token by way of each adapter in the core's own environment: a start, before the contracts say more."""

from __future__ import annotations

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as opened:
        yield opened


def connect(sandbox, **settings):
    return CredicorpAuth(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        scope="decisions:read",
        **{"client_secret": sandbox.client_secret, **settings},
    )


@pytest.mark.parametrize("transport", ["httpx", "httpx2", "requests", "urllib3"])
def test_a_transport_carries_a_token_request(sandbox, transport):
    """Found by its name, it asks a real server, which gives a token."""
    before = sandbox.counters["mints"]
    with connect(sandbox, transport=transport) as auth:
        assert transport == auth.get_token().provenance.adapter

    assert before + 1 == sandbox.counters["mints"]


@pytest.mark.parametrize(("cache", "shared"), [("memory", False), ("file", True)])
def test_a_cache_keeps_a_token(sandbox, tmp_path, cache, shared):
    """Found by its name, it keeps the token for a second caller, where one can see it."""
    before = sandbox.counters["mints"]
    options = {"directory": str(tmp_path / "tokens")} if shared else {}
    for _ in range(2):
        with connect(sandbox, cache=cache, cache_options=options) as auth:
            assert auth.get_token() is auth.get_token()

    assert before + (1 if shared else 2) == sandbox.counters["mints"]


def test_the_source_env_reads_a_secret(sandbox, monkeypatch):
    """Found by its name, it reads what proves the client."""
    monkeypatch.setenv("CREDICORP_CLIENT_SECRET", sandbox.client_secret)
    with connect(sandbox, secrets="env", client_secret=None) as auth:
        assert "decisions:read" == str(auth.get_token().scope)
