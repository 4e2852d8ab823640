"""An engine that uses Redis, no matter what Redis does: faults 157 and 158."""

from __future__ import annotations

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.fakes import ScriptedTransport
from redis_server import free_port


@pytest.fixture
def build(servers):
    """Build engines whose cache is Redis, chosen by name; note what they mint and tell."""
    transport, emitted = ScriptedTransport(), []

    def build(url, *, cache_timeout=20):
        auth = CredicorpAuth(
            client_id="fleet",
            client_secret="dummy",
            transport=transport,
            cache="redis",
            cache_options={"url": url},
            cache_timeout=cache_timeout,
            observers=[lambda event: emitted.append((event.name, event.fields.get("code")))],
        )
        servers.stack.callback(auth.close)
        return auth

    return build, transport.calls, emitted


def test_an_engine_reads_what_another_minted(servers, build):
    """The second engine of a fleet reads the token of the first."""
    build, minted, emitted = build
    server = servers.start()
    tokens = [build(server.url).get_token() for _ in range(2)]

    assert tokens[0].value == tokens[1].value
    assert 1 == len(minted)
    assert "cache.failed" not in {name for name, _ in emitted}


def test_the_commands_of_a_call(servers, build):
    """A mint sends six commands, a token that another minted one, and one that is held none."""
    build, minted, _ = build
    server = servers.start()
    client = servers.client(server)
    build(server.url).get_token()  # the scripts are cached, and each connection greeted
    auths = [build(server.url) for _ in range(2)]
    for auth in auths:
        auth.get_token()
    client.flushall()

    def commands(call):
        client.config_resetstat()
        call()
        stats = client.info("commandstats")
        return {name: each["calls"] for name, each in stats.items() if "eval" in name}

    minting = commands(lambda: auths[0].get_token(scope="new"))
    reading = commands(lambda: auths[1].get_token(scope="new"))
    holding = commands(lambda: auths[1].get_token(scope="new"))

    assert ({"cmdstat_evalsha": 6}, {"cmdstat_evalsha": 1}, {}) == (minting, reading, holding)
    assert 2 == len(minted)


def test_fault_157_down_the_mint_proceeds(build):
    """Where nobody listens a token is minted all the same, and what is wrong is told."""
    build, minted, emitted = build
    auth = build(f"redis://127.0.0.1:{free_port()}")

    assert auth.get_token().value.reveal()
    assert 1 == len(minted)
    assert {"cache.unavailable"} == {code for name, code in emitted if name == "cache.failed"}


def test_fault_158_silent_the_mint_proceeds(servers, build):
    """A server that stands still costs its time once; it is not asked again before it is well."""
    build, minted, emitted = build
    server = servers.start()
    auth = build(server.url, cache_timeout=2)
    auth.get_token()
    server.freeze()
    scopes = [f"s{number}" for number in range(20)]
    tokens = {auth.get_token(scope=each).value.reveal() for each in scopes}

    assert (20, 21) == (len(tokens), len(minted))
    failures = [name for name, _ in emitted if name in {"adapter.trouble", "cache.failed"}]
    assert ["adapter.trouble"] == failures[:1] or ["cache.failed", "adapter.trouble"] == failures[
        :2
    ]
    assert 1 == failures.count("adapter.trouble")
    server.thaw()
    servers.wait_until(lambda: "adapter.recovered" in {name for name, _ in emitted})
