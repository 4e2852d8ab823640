"""Ten thousand scope sets in one object: each is minted once, and then never asked for again."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from credicorp_auth import CredicorpAuth, Scope

pytestmark = pytest.mark.slow


class TokenEndpoint(BaseHTTPRequestHandler):
    """Grants what is asked, and counts."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    minted: list[str]

    def do_POST(self):
        """Grant a token whose value says its scope."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode("ascii"))
        (scope,) = form["scope"]
        self.minted.append(scope)
        token = {"access_token": f"for-{scope}".replace(" ", "-"), "token_type": "Bearer"}
        body = json.dumps({**token, "expires_in": 3600}).encode()
        self.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (len(body), body)
        )

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def endpoint():
    """Open a token endpoint; hand out its address and what it minted."""
    handler = type("Handler", (TokenEndpoint,), {"minted": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", handler.minted
        server.shutdown()


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.proof)])
def test_fault_385_each_scope_set_is_minted_once(endpoint, count):
    """385: the first round mints each, none of the further ones mints any: text, `Scope` or list, thread or task."""
    url, minted = endpoint
    evicted = []
    scopes = [f"read:{number} write:{number}" for number in range(count)]

    def observe(event):
        if event.name == "token.evicted":
            evicted.append(event)

    with CredicorpAuth(base_url=url, client_id="c", client_secret="s", observers=[observe]) as auth:
        first = [auth.get_token(scope) for scope in scopes]
        assert count == len(minted) == len({each.value for each in first})
        assert first == [auth.get_token(scope) for scope in scopes]
        assert first == [auth.get_token(Scope(scope)) for scope in scopes]

        async def in_tasks():
            return [await auth.aget_token(scope.split()) for scope in scopes]

        assert first[::-1] == asyncio.run(in_tasks())[::-1]
        assert [each.header() for each in first] == [auth.header(scope) for scope in scopes]

    assert count == len(minted)
    assert [] == evicted


def test_fault_386_beyond_the_bound_the_cost_is_told(endpoint):
    """386: with more scopes in use than are allowed, every mint that this costs is an event."""
    url, minted = endpoint
    emitted = []
    scopes = [f"scope-{number}" for number in range(60)]
    with CredicorpAuth(
        base_url=url,
        client_id="c",
        client_secret="s",
        cache_options={"max_entries": 1},  # which the engine raises to its own
        max_entries=40,
        observers=[lambda event: emitted.append(event.name)],
    ) as auth:
        for _ in range(3):
            for scope in scopes:
                auth.get_token(scope)

    assert len(minted) > 60
    assert len(minted) - 60 == emitted.count("token.evicted")
