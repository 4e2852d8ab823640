"""Introspection under load, against a real server: counts, a revoked token, a server that is gone."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from credicorp_auth import CredicorpAuth, Settings, errors
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings
from credicorp_auth_testing.sandbox.tokens import IssuedToken

pytestmark = pytest.mark.slow

TOKENS = [f"opaque-{number}" for number in range(100)]
THREADS, CALLS = 16, 3_125  # each: 50,000 in all


@pytest.fixture
def server():
    """Open a server that knows a hundred tokens."""
    with Sandbox(SandboxSettings(token_rate=10**6, token_burst=10**6)) as sandbox:
        claims = {"exp": time.time() + 7200, "client_id": sandbox.client_id, "scope": "a"}
        for token in TOKENS:
            sandbox.tokens.add(IssuedToken(token, dict(claims)))
        yield sandbox


def connect(sandbox: Sandbox, **settings: Any) -> tuple[CredicorpAuth, MovableClock]:
    """Connect to a server, with a clock that only the test moves."""
    clock = MovableClock(wall=time.time())
    given = Settings(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        **settings,
    )
    return CredicorpAuth.from_settings(given, clock=clock), clock


def ask_from_threads(auth: CredicorpAuth) -> list[bool]:
    """Ask 50,000 times, from 16 threads, each beginning with another token."""
    emitted: list[list[bool]] = [[] for _ in range(THREADS)]

    def ask(number: int) -> None:
        for call in range(CALLS):
            token = TOKENS[(7 * number + call) % len(TOKENS)]
            emitted[number].append(auth.introspect(token).active)

    threads = [threading.Thread(target=ask, args=[number]) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [each for responses in emitted for each in responses]


def test_fault_276_one_request_for_each_token_and_minute(server):
    """276: 50,000 questions about 100 tokens by 16 threads: a request for each, and a minute later another."""
    auth, clock = connect(server)
    with auth:
        for minute in (1, 2):
            responses = ask_from_threads(auth)
            assert (50_000, True) == (len(responses), all(responses))
            assert minute * len(TOKENS) == server.counters["introspection_requests"]
            clock.advance(60)


def test_fault_276_a_revoked_token_is_refused_within_a_minute(server):
    """276: what was called active is asked about again after 60 s at the latest, and refused."""
    auth, clock = connect(server)
    with auth:
        assert auth.introspect(TOKENS[0])
        server.tokens.revoke(TOKENS[0])
        clock.advance(59.9)
        assert auth.introspect(TOKENS[0])
        clock.advance(0.1)
        assert not auth.introspect(TOKENS[0])
        auth.revoke(TOKENS[1])
        assert not auth.introspect(TOKENS[1])


def test_fault_275_a_server_that_is_gone_makes_no_token_active():
    """275: with the server down every question is an error, once what is known has had its minute."""
    with Sandbox() as sandbox:
        sandbox.tokens.add(IssuedToken("known", {"exp": time.time() + 7200}))
        auth, clock = connect(sandbox)
        assert auth.introspect("known")
    with auth:
        assert auth.introspect("known")
        clock.advance(60)
        for _ in range(1_000):
            for token in ("known", "unknown"):
                with pytest.raises(errors.ServerUnreachable):
                    auth.introspect(token)
        wait_idle()


def test_a_server_that_dawdles_is_refused(server):
    """275: an answer that does not come within `timeout` is an error."""
    server.switches.introspection_latency = 0.5
    auth, _clock = connect(server, timeout=0.1)
    with auth, pytest.raises(errors.DeadlinePassed):
        auth.introspect(TOKENS[0])
