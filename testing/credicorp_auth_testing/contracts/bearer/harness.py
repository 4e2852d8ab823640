"""Test harness of bearers: a scripted resource, a token source and a client."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from credicorp_auth import CredicorpAuth, Event
from credicorp_auth.bearer.existing_header import Existing
from credicorp_auth_testing.fakes import ScriptedTransport, SwitchableCache, wait_idle
from credicorp_auth_testing.wire import Receive, Send, WireServer, response

INVALID_TOKEN = ("WWW-Authenticate", 'Bearer error="invalid_token"')
REFUSED = response(b"refused", status="401 Unauthorized", headers=[INVALID_TOKEN])


class Got(NamedTuple):
    """
    A response, as a client returned it.

    Args:
        status: HTTP status code.
        body: The body.
    """

    status: int
    body: bytes


class BearerHarness:
    """
    The harness of a bearer's tests; see `BearerContract`.

    Args:
        contract_version: The version of the contract.
    """

    contract_version = "2.0"

    def request(
        self,
        auth: CredicorpAuth,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: Any,
        scope: str | None,
        existing: Existing,
    ) -> Got:
        """
        Send one request that carries a token of `auth`, and follow its redirects.

        Args:
            auth: The source of the token.
            method: HTTP method.
            url: The absolute URL.
            headers: The caller's own headers.
            body: Text, bytes, a file or a result of `one_shot` or `rewindable`; None for no body.
            scope: The scope of the token; None for the default scope.
            existing: The handling of an `Authorization` header in `headers`.
        """
        raise NotImplementedError

    def request_with_defaults(
        self, auth: CredicorpAuth, url: str, *, headers: dict[str, str], existing: Existing
    ) -> Got:
        """
        Send a GET request with a client that has `headers` as its defaults.

        Unless overridden, the headers are those of the one request.
        """
        return self.request(
            auth, "GET", url, headers=headers, body=None, scope=None, existing=existing
        )

    def send_again(
        self, auth: CredicorpAuth, url: str, between: Callable[[], object], *, existing: Existing
    ) -> list[Got]:
        """
        Send a GET request, call `between`, and send the same request object again.

        Returns:
            The two responses. A client without reusable request objects need not override this.
        """
        raise NotImplementedError

    def one_shot(self) -> Any:
        """Return a body that can be sent once; the default is a generator."""
        return (each for each in [b"ke", b"pt"])

    def rewindable(self) -> Any:
        """Return a file with the content `kept` that can be rewound, or the closest equivalent."""
        return io.BytesIO(b"kept")

    @pytest.fixture
    def transport(self) -> ScriptedTransport:
        """Return a transport whose tokens count up: token-1, token-2."""
        return ScriptedTransport()

    @pytest.fixture
    def events(self) -> list[Event]:
        """Return the list that collects the events of a test."""
        return []

    @pytest.fixture
    def auth_for(
        self, transport: ScriptedTransport, events: list[Event]
    ) -> Iterator[Callable[..., CredicorpAuth]]:
        """Return a factory of token sources, each of which allows the origin of one server only."""
        opened: dict[int, CredicorpAuth] = {}

        def auth_for(server: WireServer, **settings: Any) -> CredicorpAuth:
            if server.port not in opened:
                opened[server.port] = CredicorpAuth(
                    base_url=f"http://127.0.0.1:{server.port}",
                    client_id=f"client-{server.port}",
                    client_secret="dummy",
                    scope="a b",
                    transport=transport,
                    cache=SwitchableCache(),
                    observers=[events.append],
                    **settings,
                )
            return opened[server.port]

        yield auth_for
        for auth in opened.values():
            auth.close()

    @pytest.fixture
    def send(self, auth_for: Callable[..., CredicorpAuth]) -> Callable[..., Got]:
        """Return a function that sends requests to a server, with that server's origin allowed."""

        def send(
            server: WireServer,
            method: str = "GET",
            url: str | None = None,
            *,
            headers: dict[str, str] | None = None,
            body: Any = None,
            scope: str | None = None,
            existing: Existing = "replace",
        ) -> Got:
            got = self.request(
                auth_for(server),
                method,
                url or server.url,
                headers=headers or {},
                body=body,
                scope=scope,
                existing=existing,
            )
            wait_idle()
            return got

        return send


def exchanging(*responses: bytes) -> list[Any]:
    """Return a script that responds to the requests of one connection in turn."""
    return [step for each in responses for step in (Receive(), Send(each))]


def serving(*responses: bytes) -> list[Any]:
    """Return scripts for a server that gives these responses on any number of connections."""
    return [[Receive(), Send(closing(each))] for each in responses]


def closing(whole: bytes) -> bytes:
    """Return the response as the last one of its connection."""
    return whole.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def redirect(url: str, status: int = 307) -> bytes:
    """Return a redirect to the URL."""
    return response(status=f"{status} Elsewhere", headers=[("Location", url)])


def requests_to(server: WireServer) -> list[bytes]:
    """Return the requests that a server received, in order of connections."""
    return [each.received for each in server.connections if each.received]


def tokens_at(server: WireServer) -> list[list[str]]:
    """Return the Authorization values of each request that a server received."""
    return [
        [
            line.partition(b":")[2].strip().decode()
            for line in each.split(b"\r\n")
            if line.lower().startswith(b"authorization:")
        ]
        for each in requests_to(server)
    ]
