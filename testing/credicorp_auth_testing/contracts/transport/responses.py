"""Tests of malformed, oversized and encoded responses: faults 11 to 14 and 45 to 47."""

from __future__ import annotations

import pytest

from credicorp_auth.errors import ConnectionFailed, MalformedResponse, ServerUnreachable
from credicorp_auth.http.messages import MAX_BODY, HttpRequest
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.transport.harness import TransportHarness, ask, refusal
from credicorp_auth_testing.wire import Hold, Receive, Send, Step, WireServer, response

HEAD = b"HTTP/1.1 200 OK\r\n"


class ResponseTests(TransportHarness):
    """Tests of malformed, oversized and encoded responses: faults 11 to 14 and 45 to 47."""

    @pytest.mark.parametrize(
        "garbage",
        [
            pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="011-ssh"),
            pytest.param(b"<html>hello</html>\n", id="011-http-0.9"),
            pytest.param(b"\x15\x03\x01\x00\x02\x02\x50\n", id="011-tls-alert"),
            pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="012-upgrade"),
            pytest.param(HEAD + b"X-A: b\r\n" * 100_000 + b"\r\n", id="013-many-headers"),
            pytest.param(HEAD + b"X-A: " + b"b" * MAX_BODY + b"\r\n\r\n", id="013-long-header"),
            pytest.param(
                HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                id="014-length-and-chunked",
            ),
            pytest.param(
                HEAD + b"Content-Length: 2\r\nContent-Length: 1\r\n\r\nab", id="014-two-lengths"
            ),
            pytest.param(HEAD + b"Content-Length: -2\r\n\r\nab", id="014-negative-length"),
            pytest.param(HEAD + b"Transfer-Encoding: gzip\r\n\r\nab", id="014-encoding"),
            pytest.param(
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: " + b"t" * 200_000,
                id="013-long-trailer",
            ),
        ],
    )
    def test_fault_011_to_014_not_http(self, transport: Transport, garbage: bytes) -> None:
        """Malformed or ambiguous HTTP closes the connection, and the request is not repeated."""
        script: list[Step] = [Receive(), Send(garbage), Hold()]
        with WireServer(script, [Receive(), Send(response(b"clean"))]) as server:
            error = refusal(transport, ask(server.url))
            body = transport.send(ask(server.url), timeout=5).body.reveal()

        assert (ConnectionFailed, "transport.protocol", False) == (
            type(error),
            error.code,
            error.retryable,
        )
        assert b"clean" == body
        assert 2 == len(server.connections)

    @pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
    def test_fault_420_interim_responses_are_skipped(
        self, transport: Transport, status: str
    ) -> None:
        """Any number of them may precede the final response (RFC 9110 section 15.2)."""
        interim = f"HTTP/1.1 {status}\r\nLink: </style.css>; rel=preload\r\n\r\n".encode()
        script: list[Step] = [Receive(), Send(interim, times=3), Send(response(b"final")), Hold()]
        with WireServer(script) as server:
            final = transport.send(ask(server.url), timeout=5)

        assert (200, b"final") == (final.status, final.body.reveal())

    def test_fault_012_early_hints_are_bounded(self, transport: Transport) -> None:
        """A thousand are no response: some stacks fail at once, others wait for the deadline."""
        hints = Send(b"HTTP/1.1 103 Early Hints\r\n\r\n", times=1000)
        with WireServer([Receive(), hints, Hold()]) as server:
            error = refusal(transport, ask(server.url), timeout=0.5)

        assert error.code in {"transport.protocol", "transport.deadline"}

    @pytest.mark.parametrize(
        "start",
        [
            pytest.param(HEAD + b"Content-Length: 1048577\r\n\r\n", id="honest"),
            pytest.param(HEAD + b"Connection: close\r\n\r\n", id="without-length"),
        ],
    )
    def test_fault_045_too_large(self, transport: Transport, start: bytes) -> None:
        """One byte beyond the limit is too much."""
        script: list[Step] = [
            Receive(),
            Send(start),
            Send(b"x" * 65536, times=16),
            Send(b"x"),
            Hold(),
        ]
        with WireServer(script) as server:
            error = refusal(transport, ask(server.url))

        assert (MalformedResponse, "response.too_large") == (type(error), error.code)

    def test_fault_045_endless_chunks(self, transport: Transport) -> None:
        """An endless response is cut off."""
        start = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        with WireServer([Receive(), Send(start), Send(chunk, times=10_000)]) as server:
            error = refusal(transport, ask(server.url))

        assert (MalformedResponse, "response.too_large") == (type(error), error.code)
        assert server.connections[0].sent < 16 * MAX_BODY  # the system's own buffers

    def test_a_body_of_exactly_the_limit_is_taken(self, transport: Transport) -> None:
        """A body of exactly the limit is accepted."""
        with WireServer([Receive(), Send(response(b"x" * MAX_BODY))]) as server:
            assert MAX_BODY == len(transport.send(ask(server.url), timeout=5).body.reveal())

    def test_a_response_has_its_senders_address_or_none(self, transport: Transport) -> None:
        """A response has its peer address or None, also on a kept connection."""
        script: list[Step] = [Receive(), Send(response(b"1")), Receive(), Send(response(b"2"))]
        with WireServer(script) as server:
            peers = [transport.send(ask(server.url), timeout=5).peer_address for _ in range(2)]

        assert peers in (["127.0.0.1"] * 2, [None] * 2)

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-mine"])
    def test_fault_046_047_encoded(self, transport: Transport, encoding: str) -> None:
        """The request declines compression, and a compressed response is rejected."""
        encoded = response(b"bomb", headers=[("Content-Encoding", encoding)])
        with WireServer([Receive(), Send(encoded)]) as server:
            error = refusal(transport, ask(server.url, **{"Accept-Encoding": "gzip, br"}))

        assert (MalformedResponse, "response.content_encoding") == (type(error), error.code)
        assert b"accept-encoding: identity\r\n" in server.connections[0].received.lower()
        assert 1 == server.connections[0].received.lower().count(b"accept-encoding")

    def test_identity_is_no_encoding(self, transport: Transport) -> None:
        """`Content-Encoding: identity` is accepted."""
        plain = response(b"x", headers=[("Content-Encoding", "identity")])
        with WireServer([Receive(), Send(plain)]) as server:
            assert 200 == transport.send(ask(server.url), timeout=5).status

    @pytest.mark.parametrize("value", ["two\r\nlines-canary", "snowman-canary \u2603"])
    def test_a_header_that_cannot_be_sent(self, transport: Transport, value: str) -> None:
        """A header value that HTTP cannot carry is rejected and not shown."""
        with WireServer([Hold()]) as server:
            request = HttpRequest("POST", server.url, {"X-Bad": Secret(value)})
            error = refusal(transport, request)

        assert ("transport.protocol", False) == (error.code, error.retryable)
        assert isinstance(error, ServerUnreachable)
