"""Tests of connecting, and of waiting for a response: faults 1 to 6, 12 and 16."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from credicorp_auth.errors import ConnectionFailed, DeadlinePassed
from credicorp_auth.http.messages import HttpRequest
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.transport.harness import (
    Build,
    TransportHarness,
    ask,
    needs_total_deadline,
    refusal,
)
from credicorp_auth_testing.wire import Drip, Hold, Receive, Send, Step, WireServer, response

HEAD = b"HTTP/1.1 200 OK\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


class PauseUntilStopped:
    """A step that neither reads nor writes."""

    def play(self, connection: Any) -> None:
        connection.stopping.wait(5)


class ConnectionTests(TransportHarness):
    """Tests of connecting, and of waiting for a response: faults 1 to 6, 12 and 16."""

    def test_fault_001_317_refused_connection(self, transport: Transport) -> None:
        """If the connection is refused, the error names host and port, not the whole URL."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

        error = refusal(transport, ask(f"http://127.0.0.1:{port}/token?state=private"))

        assert (ConnectionFailed, "transport.connect", True) == (
            type(error),
            error.code,
            error.retryable,
        )
        assert f"127.0.0.1:{port}" in str(error)
        assert "private" not in str(error)

    def test_fault_002_black_hole(self, black_hole: int, build: Build) -> None:
        """A connection that is never made fails at `connect_timeout`, before the deadline."""
        transport = build(connect_timeout=0.2)

        error = refusal(transport, ask(f"http://127.0.0.1:{black_hole}/"), timeout=0.9)

        assert (ConnectionFailed, "transport.connect_timeout", True) == (
            type(error),
            error.code,
            error.retryable,
        )

    @pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b.invalid"])
    def test_fault_003_unknown_name(self, transport: Transport, host: str) -> None:
        """An unresolvable or invalid name has another error than a server that is down."""
        error = refusal(transport, ask(f"http://{host}/token"))

        assert (ConnectionFailed, "transport.dns", True) == (
            type(error),
            error.code,
            error.retryable,
        )

    def test_fault_004_no_response(self, transport: Transport) -> None:
        """A server that never responds costs the timeout, and sees the connection closed."""
        with WireServer([Receive(), Hold()]) as server:
            error = refusal(transport, ask(server.url), timeout=0.3)

        assert (DeadlinePassed, "transport.read_timeout", True) == (
            type(error),
            error.code,
            error.retryable,
        )
        assert server.connections[0].ended_by_client

    @pytest.mark.parametrize(
        "dripped",
        [
            pytest.param([Drip(HEAD * 9, 0.05)], id="005-head"),
            pytest.param([Send(HEAD), Drip(b"X-Header: value\r\n" * 9, 0.05)], id="005-headers"),
            pytest.param(
                [Send(HEAD + b"Content-Length: 99\r\n\r\n"), Drip(b"x" * 99, 0.05)], id="006"
            ),
            pytest.param(
                [
                    Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
                    Drip(b"1\r\nx\r\n" * 40, 0.05),
                ],
                id="006-chunks",
            ),
            # One interim response is complete, so that every client has seen some bytes.
            pytest.param([Send(INTERIM), Drip(INTERIM * 9, 0.05)], id="012"),
        ],
    )
    def test_fault_005_006_012_dripped(self, transport: Transport, dripped: list[Step]) -> None:
        """The whole response must arrive by the deadline, however small its pieces are."""
        needs_total_deadline(transport)
        with WireServer([Receive(), *dripped]) as server:
            error = refusal(transport, ask(server.url), timeout=0.4)

        assert (DeadlinePassed, "transport.deadline", True) == (
            type(error),
            error.code,
            error.retryable,
        )

    def test_a_slow_response_in_time_counts(self, transport: Transport) -> None:
        """A response that arrives byte by byte is accepted if it is whole by the deadline."""
        with WireServer([Receive(), Drip(response(b"slow"), 0.001)]) as server:
            assert b"slow" == transport.send(ask(server.url), timeout=5).body.reveal()

    def test_fault_005_request_is_not_taken(self, transport: Transport) -> None:
        """A server that does not read cannot block the sender beyond the deadline."""
        with WireServer([PauseUntilStopped()]) as server:
            request = HttpRequest("POST", server.url, {}, SecretBytes(b"x" * 20_000_000))
            error = refusal(transport, request, timeout=0.4)

        assert "transport.read_timeout" == error.code

    @pytest.mark.parametrize("timeout", [0, -1, float("nan")])
    def test_fault_016_no_time_at_all(self, transport: Transport, timeout: float) -> None:
        """Without any time there is no connection and no ValueError, but the deadline's error."""
        with WireServer([Hold()]) as server, pytest.raises(DeadlinePassed) as caught:
            transport.send(ask(server.url), timeout=timeout)

        assert ("transport.deadline", True) == (caught.value.code, caught.value.retryable)
        assert [] == server.connections

    def test_fault_016_less_time_than_connecting_takes(
        self, transport: Transport, black_hole: int
    ) -> None:
        """A deadline before `connect_timeout` is the deadline's error."""
        error = refusal(transport, ask(f"http://127.0.0.1:{black_hole}/"), timeout=0.05)

        assert (DeadlinePassed, "transport.deadline") == (type(error), error.code)
