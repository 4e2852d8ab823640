"""A resource that plays a script, an object that has tokens, and a client between the two."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth.testing.stand_ins import ScriptedTransport, SwitchableCache, settle
from credicorp_auth.testing.wire import Receive, Send, WireServer, answer

INVALID_TOKEN = ("WWW-Authenticate", 'Bearer error="invalid_token"')
REFUSED = answer(b"refused", status="401 Unauthorized", headers=[INVALID_TOKEN])


class Got(NamedTuple):
    """
    What a client got.

    Args:
        status: HTTP status code.
        body: The body.
    """

    status: int
    body: bytes


class BearerBench:
    """What the tests of a bearer stand on; see `BearerContract`."""

    def request(
        self,
        auth: CredicorpAuth,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: Any,
        scope: str | None,
    ) -> Got:
        """
        Send one request that carries a token of `auth`, and follow its redirects.

        Args:
            auth: Where its token comes from.
            method: HTTP method.
            url: Where to.
            headers: Headers of the caller's own.
            body: Text, bytes, a file or whatever else `bodies` gives; None for none.
            scope: What the token must be good for; None for the default scope.
        """
        raise NotImplementedError

    def one_shot(self) -> Any:
        """Return a body that can be sent once; here a generator."""
        return (each for each in [b"ke", b"pt"])

    def rewindable(self) -> Any:
        """Return a file with the content `kept` that can be wound back, or what comes nearest."""
        return io.BytesIO(b"kept")

    @pytest.fixture
    def transport(self) -> ScriptedTransport:
        """Grant tokens that count up: token-1, token-2."""
        return ScriptedTransport()

    @pytest.fixture
    def send(self, transport: ScriptedTransport) -> Iterator[Any]:
        """Send requests to a server, whose origin is the only one allowed."""
        opened: dict[int, CredicorpAuth] = {}

        def auth_for(server: WireServer) -> CredicorpAuth:
            return opened.setdefault(
                server.port,
                CredicorpAuth(
                    base_url=f"http://127.0.0.1:{server.port}",
                    client_id=f"client-{server.port}",
                    client_secret="dummy",
                    scope="a b",
                    transport=transport,
                    cache=SwitchableCache(),
                ),
            )

        def send(
            server: WireServer,
            method: str = "GET",
            url: str | None = None,
            *,
            headers: dict[str, str] | None = None,
            body: Any = None,
            scope: str | None = None,
        ) -> Got:
            auth = auth_for(server)
            got = self.request(
                auth, method, url or server.url, headers=headers or {}, body=body, scope=scope
            )
            settle()
            return got

        yield send
        for auth in opened.values():
            auth.close()


def exchanging(*answers: bytes) -> list[Any]:
    """Answer the requests of one connection in turn."""
    return [step for each in answers for step in (Receive(), Send(each))]


def serving(*answers: bytes) -> list[Any]:
    """Give the scripts of a server that gives these answers, to as many connections as come."""
    return [[Receive(), Send(closing(each))] for each in answers]


def closing(whole: bytes) -> bytes:
    """Let an answer be the last on its connection."""
    return whole.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def redirect(url: str, status: int = 307) -> bytes:
    """Send the client elsewhere."""
    return answer(status=f"{status} Elsewhere", headers=[("Location", url)])


def requests_to(server: WireServer) -> list[bytes]:
    """Split what a server received into its requests, in order of connections."""
    return [each.received for each in server.connections if each.received]


def tokens_at(server: WireServer) -> list[list[str]]:
    """Return the values of the Authorization headers of each request that a server received."""
    return [
        [
            line.partition(b":")[2].strip().decode()
            for line in each.split(b"\r\n")
            if line.lower().startswith(b"authorization:")
        ]
        for each in requests_to(server)
    ]
