"""Tests of lost and kept connections: faults 7 to 9, 12 and 15."""

from __future__ import annotations

import pytest

from credicorp_auth.errors import ConnectionFailed
from credicorp_auth.http.messages import HttpRequest
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.transport.harness import TransportHarness, ask, refusal
from credicorp_auth_testing.wire import Hold, Receive, Reset, Send, Step, WireServer, response

HEAD = b"HTTP/1.1 200 OK\r\n"


def ask_much(url: str, large: str) -> HttpRequest:
    """Build a request that is larger than the buffers of a connection."""
    much = "x" * 3_000_000
    if large == "header":
        return HttpRequest("POST", url, {"X-Large": much})
    return HttpRequest("POST", url, {}, SecretBytes(much.encode()))


class ConnectionLossTests(TransportHarness):
    """Tests of lost and kept connections: faults 7 to 9, 12 and 15."""

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param([Receive(), Reset()], id="reset"),
            pytest.param([Receive()], id="closed"),
            pytest.param([Receive(), Send(HEAD + b"Content-"), Reset()], id="reset-in-head"),
            pytest.param([Receive(), Send(HEAD + b"Content-Length: 2\r\n")], id="closed-in-head"),
        ],
    )
    def test_fault_007_lost_before_the_response(
        self, transport: Transport, script: list[Step]
    ) -> None:
        """A connection lost before the body is `transport.reset`, and the request is not resent."""
        with WireServer(script) as server:
            error = refusal(transport, ask(server.url))

        assert (ConnectionFailed, "transport.reset", True) == (
            type(error),
            error.code,
            error.retryable,
        )
        assert 1 == len(server.connections)

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param(
                [Send(HEAD + b"Content-Length: 100\r\n\r\n" + b"x" * 40), Reset()], id="reset"
            ),
            pytest.param([Send(HEAD + b"Content-Length: 100\r\n\r\n" + b"x" * 40)], id="closed"),
            pytest.param(
                [Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab")], id="in-chunk"
            ),
            pytest.param(
                [Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")], id="between-chunks"
            ),
        ],
    )
    def test_fault_008_lost_inside_the_body(self, transport: Transport, script: list[Step]) -> None:
        """A part of a body is not accepted as a response."""
        with WireServer([Receive(), *script]) as server:
            error = refusal(transport, ask(server.url))

        assert (ConnectionFailed, "transport.incomplete_body", True) == (
            type(error),
            error.code,
            error.retryable,
        )

    @pytest.mark.parametrize("ending", [[], [Receive()], [Receive(), Reset()]])
    def test_fault_009_idle_connection_closed(
        self, transport: Transport, ending: list[Step]
    ) -> None:
        """A kept connection that the server has closed is silently replaced, once."""
        first: list[Step] = [Receive(), Send(response(b"1")), *ending]
        with WireServer(first, [Receive(), Send(response(b"2"))]) as server:
            bodies = [transport.send(ask(server.url), timeout=5).body.reveal() for _ in range(2)]

        assert [b"1", b"2"] == bodies
        assert 2 == len(server.connections)

    def test_fault_009_only_once(self, transport: Transport) -> None:
        """If the server closes the new connection as well, that is an error."""
        with WireServer([Receive(), Send(response()), Receive()], [Receive()]) as server:
            transport.send(ask(server.url), timeout=5)
            error = refusal(transport, ask(server.url))

        assert "transport.reset" == error.code
        assert 2 == len(server.connections)

    @pytest.mark.parametrize(
        "begun", [pytest.param(HEAD[:10], id="byte"), pytest.param(HEAD, id="line")]
    )
    def test_fault_009_not_after_a_byte_of_the_response(
        self, transport: Transport, begun: bytes
    ) -> None:
        """After the first byte of a response, the request is not sent again."""
        with WireServer([Receive(), Send(response()), Receive(), Send(begun), Reset()]) as server:
            transport.send(ask(server.url), timeout=5)
            error = refusal(transport, ask(server.url))

        assert "transport.reset" == error.code
        assert 1 == len(server.connections)

    def test_connections_are_kept(self, transport: Transport) -> None:
        """Requests to one origin use one connection, with any framing of the responses."""
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        empty = b"HTTP/1.1 204 No Content\r\n\r\n"
        script: list[Step] = [
            Receive(),
            Send(chunked),
            Receive(),
            Send(empty),
            Receive(),
            Send(response(b"c")),
        ]
        with WireServer(script) as server:
            responses = [transport.send(ask(server.url), timeout=5) for _ in range(3)]

        assert [(200, b"ab"), (204, b""), (200, b"c")] == [
            (each.status, each.body.reveal()) for each in responses
        ]
        assert 1 == len(server.connections)

    def test_fault_012_continue_is_passed_over(self, transport: Transport) -> None:
        """A thousand 100 Continue responses are skipped, since the final response is in time."""
        interim = Send(b"HTTP/1.1 100 Continue\r\n\r\n", times=1000)
        with WireServer([Receive(), interim, Send(response(b"x"))]) as server:
            assert 200 == transport.send(ask(server.url), timeout=5).status

    @pytest.mark.parametrize("large", ["header", "body"])
    def test_fault_015_response_before_the_request_is_read(
        self, transport: Transport, large: str
    ) -> None:
        """An early rejection is returned, although the server does not read the whole request."""
        with WireServer([Send(response(b"no", status="413 Content Too Large")), Hold()]) as server:
            got = transport.send(ask_much(server.url, large), timeout=5)

        assert (413, b"no") == (got.status, got.body.reveal())

    @pytest.mark.parametrize("large", ["header", "body"])
    def test_fault_015_broken_pipe(self, transport: Transport, large: str) -> None:
        """A server that disconnects during the request is a reset, not a broken pipe."""
        with WireServer([Reset()]) as server:
            error = refusal(transport, ask_much(server.url, large))

        assert (ConnectionFailed, "transport.reset") == (type(error), error.code)
