"""What the transport makes of a server, or a network, that misbehaves: faults 1 to 16, 45 and 46."""

from __future__ import annotations

import io
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from urllib3 import HTTPResponse

from credicorp_auth.errors import (
    ConnectionFailed,
    DeadlinePassed,
    MalformedAnswer,
    ServerUnreachable,
)
from credicorp_auth.oauth.http import MAX_BODY, HttpRequest
from credicorp_auth.oauth.secret import Secret, SecretBytes
from credicorp_auth.testing.wire import (
    Drip,
    Hold,
    Receive,
    Reset,
    Send,
    Step,
    WireServer,
    answer,
)
from credicorp_auth_urllib3.answer import read_answer
from credicorp_auth_urllib3.exchange import Exchange, current
from credicorp_auth_urllib3.sockets import connect_to_any
from credicorp_auth_urllib3.transport import TransportOptions, Urllib3Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def black_hole() -> Iterator[int]:
    """Give a port whose queue is full, so that no further connection to it is ever made."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(3):
            filler = opened.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(address)
        yield address[1]


def test_fault_001_refused_connection(refusal: Any, transport: Urllib3Transport, ask: Any) -> None:
    """Where nobody listens, the error says so, names host and port, and invites another try."""
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


def test_fault_002_black_hole(refusal: Any, ask: Any, black_hole: int) -> None:
    """A connection that is never made is given up at `connect_timeout`, before the deadline."""
    transport = Urllib3Transport(TransportOptions(connect_timeout=0.2))

    error = refusal(transport, ask(f"http://127.0.0.1:{black_hole}/"), timeout=0.9)

    assert (ConnectionFailed, "transport.connect_timeout", True) == (
        type(error),
        error.code,
        error.retryable,
    )


def test_several_dead_addresses_take_no_longer_than_one(black_hole: int) -> None:
    """What is left is divided over the addresses of a name; the descriptors are closed again."""
    dead = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", black_hole))
    token = current.set(Exchange(0.4, connect_timeout=0.4))
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        connect_to_any([dead] * 4, [])
    current.reset(token)

    assert 0.3 < time.monotonic() - start < 0.65


def test_the_next_address_is_tried(black_hole: int) -> None:
    """A dead address costs its share; the living one behind it is still reached."""
    with WireServer([Hold()]) as server:
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
            for port in (black_hole, server.port)
        ]
        token = current.set(Exchange(0.4, connect_timeout=0.4))
        with connect_to_any(addresses, []) as connection:
            assert ("127.0.0.1", server.port) == connection.getpeername()
        current.reset(token)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b.invalid"])
def test_fault_003_unknown_name(
    refusal: Any, transport: Urllib3Transport, ask: Any, host: str
) -> None:
    """A name that does not resolve, or cannot, is told apart from a server that is down."""
    error = refusal(transport, ask(f"http://{host}/token"))

    assert (ConnectionFailed, "transport.dns", True) == (type(error), error.code, error.retryable)


def test_fault_004_no_answer(refusal: Any, transport: Urllib3Transport, ask: Any) -> None:
    """A server that never answers costs the timeout, and sees the connection closed."""
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
        pytest.param([Send(HEAD + b"Content-Length: 99\r\n\r\n"), Drip(b"x" * 99, 0.05)], id="006"),
        pytest.param(
            [
                Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
                Drip(b"1\r\nx\r\n" * 40, 0.05),
            ],
            id="006-chunks",
        ),
        pytest.param([Drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 9, 0.01)], id="012"),
    ],
)
def test_fault_005_006_012_dripped(
    refusal: Any, transport: Urllib3Transport, ask: Any, dripped: list[Step]
) -> None:
    """However little comes at a time, the answer has to be whole by the deadline."""
    with WireServer([Receive(), *dripped]) as server:
        error = refusal(transport, ask(server.url), timeout=0.4)

    assert (DeadlinePassed, "transport.deadline", True) == (
        type(error),
        error.code,
        error.retryable,
    )


def test_a_slow_answer_in_time_is_an_answer(transport: Urllib3Transport, ask: Any) -> None:
    """Byte by byte is no fault while the deadline is kept."""
    with WireServer([Receive(), Drip(answer(b"slow"), 0.001)]) as server:
        assert b"slow" == transport.send(ask(server.url), timeout=5).body.reveal()


def test_fault_005_request_is_not_taken(refusal: Any, transport: Urllib3Transport) -> None:
    """A server that does not read cannot hold the sender beyond the deadline."""
    with WireServer([PauseUntilStopped()]) as server:
        request = HttpRequest("POST", server.url, {}, SecretBytes(b"x" * 20_000_000))
        error = refusal(transport, request, timeout=0.4)

    assert "transport.read_timeout" == error.code


class PauseUntilStopped:
    """Neither read nor write."""

    def play(self, connection: Any) -> None:
        connection.stopping.wait(5)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([Receive(), Reset()], id="reset"),
        pytest.param([Receive()], id="closed"),
        pytest.param([Receive(), Send(HEAD + b"Content-"), Reset()], id="reset-in-head"),
        pytest.param([Receive(), Send(HEAD + b"Content-Length: 2\r\n")], id="closed-in-head"),
    ],
)
def test_fault_007_lost_before_the_answer(
    refusal: Any, transport: Urllib3Transport, ask: Any, script: list[Step]
) -> None:
    """A connection that breaks before the body is `transport.reset`, and sent to once."""
    with WireServer(script) as server:
        error = refusal(transport, ask(server.url))

    assert (ConnectionFailed, "transport.reset", True) == (type(error), error.code, error.retryable)
    assert 1 == len(server.connections)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            [Send(HEAD + b"Content-Length: 100\r\n\r\n" + b"x" * 40), Reset()], id="reset"
        ),
        pytest.param([Send(HEAD + b"Content-Length: 100\r\n\r\n" + b"x" * 40)], id="closed"),
        pytest.param([Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab")], id="in-chunk"),
        pytest.param(
            [Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")], id="between-chunks"
        ),
    ],
)
def test_fault_008_lost_inside_the_body(
    refusal: Any, transport: Urllib3Transport, ask: Any, script: list[Step]
) -> None:
    """Part of a body is not an answer."""
    with WireServer([Receive(), *script]) as server:
        error = refusal(transport, ask(server.url))

    assert (ConnectionFailed, "transport.incomplete_body", True) == (
        type(error),
        error.code,
        error.retryable,
    )


@pytest.mark.parametrize("ending", [[], [Receive()], [Receive(), Reset()]])
def test_fault_009_idle_connection_closed(
    transport: Urllib3Transport, ask: Any, ending: list[Step]
) -> None:
    """A kept connection that the server has closed is replaced in silence, once."""
    first = [Receive(), Send(answer(b"1")), *ending]
    with WireServer(first, [Receive(), Send(answer(b"2"))]) as server:
        bodies = [transport.send(ask(server.url), timeout=5).body.reveal() for _ in range(2)]

    assert [b"1", b"2"] == bodies
    assert 2 == len(server.connections)


def test_fault_009_only_once(refusal: Any, transport: Urllib3Transport, ask: Any) -> None:
    """A server that closes the new connection as well is reported."""
    with WireServer([Receive(), Send(answer()), Receive()], [Receive()]) as server:
        transport.send(ask(server.url), timeout=5)
        error = refusal(transport, ask(server.url))

    assert "transport.reset" == error.code
    assert 2 == len(server.connections)


def test_fault_009_not_after_a_byte_of_the_answer(
    refusal: Any, transport: Urllib3Transport, ask: Any
) -> None:
    """Once an answer has begun, nothing is sent again."""
    with WireServer([Receive(), Send(answer()), Receive(), Send(b"HTTP/1.1 2"), Reset()]) as server:
        transport.send(ask(server.url), timeout=5)
        error = refusal(transport, ask(server.url))

    assert "transport.reset" == error.code
    assert 1 == len(server.connections)


def test_connections_are_kept(transport: Urllib3Transport, ask: Any) -> None:
    """Requests to one origin use one connection, whatever frames their answers."""
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    script = [Receive(), Send(chunked), Receive(), Send(empty), Receive(), Send(answer(b"c"))]
    with WireServer(script) as server:
        answers = [transport.send(ask(server.url), timeout=5) for _ in range(3)]

    assert [(200, b"ab"), (204, b""), (200, b"c")] == [
        (each.status, each.body.reveal()) for each in answers
    ]
    assert 1 == len(server.connections)


@pytest.mark.parametrize(
    "garbage",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="011-ssh"),
        pytest.param(b"<html>hello</html>\n", id="011-http-0.9"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x50\n", id="011-tls-alert"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, id="012-early-hints"),
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
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: " + b"t" * 70_000,
            id="013-long-trailer",
        ),
    ],
)
def test_fault_011_to_014_not_http(
    refusal: Any, transport: Urllib3Transport, ask: Any, garbage: bytes
) -> None:
    """What is not one clear HTTP answer ends the connection, and is not asked for again."""
    script = [Receive(), Send(garbage), Hold()]
    with WireServer(script, [Receive(), Send(answer(b"clean"))]) as server:
        error = refusal(transport, ask(server.url))
        body = transport.send(ask(server.url), timeout=5).body.reveal()

    assert (ConnectionFailed, "transport.protocol", False) == (
        type(error),
        error.code,
        error.retryable,
    )
    assert b"clean" == body
    assert 2 == len(server.connections)


def test_fault_012_continue_is_passed_over(transport: Urllib3Transport, ask: Any) -> None:
    """A thousand times 100 Continue are read past, since the answer comes in time."""
    interim = Send(b"HTTP/1.1 100 Continue\r\n\r\n", times=1000)
    with WireServer([Receive(), interim, Send(answer(b"x"))]) as server:
        assert 200 == transport.send(ask(server.url), timeout=5).status


def test_fault_015_answer_before_the_request_is_read(transport: Urllib3Transport) -> None:
    """An early refusal is an answer, although the rest of the request is not taken any more."""
    with WireServer([Send(answer(b"no", status="413 Content Too Large")), Hold()]) as server:
        request = HttpRequest("POST", server.url, {"X-Large": "x" * 3_000_000})
        got = transport.send(request, timeout=5)

    assert (413, b"no") == (got.status, got.body.reveal())


def test_fault_015_broken_pipe(refusal: Any, transport: Urllib3Transport) -> None:
    """A server that goes away while the request is sent is a reset, and no broken pipe."""
    with WireServer([Reset()]) as server:
        request = HttpRequest("POST", server.url, {"X-Large": "x" * 3_000_000})
        error = refusal(transport, request)

    assert (ConnectionFailed, "transport.reset") == (type(error), error.code)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_fault_016_no_time_at_all(transport: Urllib3Transport, ask: Any, timeout: float) -> None:
    """Without any time there is no connection and no ValueError, but the deadline's error."""
    with WireServer([Hold()]) as server, pytest.raises(DeadlinePassed) as caught:
        transport.send(ask(server.url), timeout=timeout)

    assert ("transport.deadline", True) == (caught.value.code, caught.value.retryable)
    assert [] == server.connections


def test_fault_016_less_time_than_connecting_takes(
    refusal: Any, transport: Urllib3Transport, ask: Any, black_hole: int
) -> None:
    """A deadline before `connect_timeout` is the deadline's error."""
    error = refusal(transport, ask(f"http://127.0.0.1:{black_hole}/"), timeout=0.05)

    assert (DeadlinePassed, "transport.deadline") == (type(error), error.code)


def test_fault_016_time_runs_out_between_two_steps() -> None:
    """An exchange without time left says so before anything is done."""
    with pytest.raises(TimeoutError):
        Exchange(0, connect_timeout=1).left()


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(HEAD + b"Content-Length: 1048577\r\n\r\n", id="honest"),
        pytest.param(HEAD + b"Connection: close\r\n\r\n", id="without-length"),
    ],
)
def test_fault_045_too_large(
    refusal: Any, transport: Urllib3Transport, ask: Any, start: bytes
) -> None:
    """One byte beyond the limit is too much."""
    script = [Receive(), Send(start), Send(b"x" * 65536, times=16), Send(b"x"), Hold()]
    with WireServer(script) as server:
        error = refusal(transport, ask(server.url))

    assert (MalformedAnswer, "response.too_large") == (type(error), error.code)


def test_fault_045_endless_chunks(refusal: Any, transport: Urllib3Transport, ask: Any) -> None:
    """An answer without end is cut off."""
    start = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with WireServer([Receive(), Send(start), Send(chunk, times=10_000)]) as server:
        error = refusal(transport, ask(server.url))

    assert (MalformedAnswer, "response.too_large") == (type(error), error.code)
    assert server.connections[0].sent < 16 * MAX_BODY  # what the system's own buffers take


def test_fault_045_reading_stops_at_the_limit() -> None:
    """Not more than 64 KiB beyond the limit are taken."""
    source = io.BytesIO(b"x" * 3 * MAX_BODY)
    long = HTTPResponse(source, status=200, preload_content=False)
    with pytest.raises(MalformedAnswer):
        read_answer(long, host="127.0.0.1:1")

    assert MAX_BODY < source.tell() <= MAX_BODY + 64 * 1024


def test_a_body_of_exactly_the_limit_is_taken(transport: Urllib3Transport, ask: Any) -> None:
    """The limit itself is allowed."""
    with WireServer([Receive(), Send(answer(b"x" * MAX_BODY))]) as server:
        assert MAX_BODY == len(transport.send(ask(server.url), timeout=5).body.reveal())


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-mine"])
def test_fault_046_047_encoded(
    refusal: Any, transport: Urllib3Transport, ask: Any, encoding: str
) -> None:
    """Compression is declined in the request, and refused in the answer."""
    encoded = answer(b"bomb", headers=[("Content-Encoding", encoding)])
    with WireServer([Receive(), Send(encoded)]) as server:
        error = refusal(transport, ask(server.url, **{"Accept-Encoding": "gzip, br"}))

    assert (MalformedAnswer, "response.content_encoding") == (type(error), error.code)
    assert b"accept-encoding: identity\r\n" in server.connections[0].received.lower()
    assert 1 == server.connections[0].received.lower().count(b"accept-encoding")


def test_identity_is_no_encoding(transport: Urllib3Transport, ask: Any) -> None:
    """`Content-Encoding: identity` says nothing, and is accepted."""
    plain = answer(b"x", headers=[("Content-Encoding", "identity")])
    with WireServer([Receive(), Send(plain)]) as server:
        assert 200 == transport.send(ask(server.url), timeout=5).status


@pytest.mark.parametrize("value", ["two\r\nlines-canary", "snowman-canary \u2603"])
def test_a_header_that_cannot_be_sent(
    refusal: Any, transport: Urllib3Transport, value: str
) -> None:
    """A value that HTTP cannot carry is refused without being shown."""
    with WireServer([Hold()]) as server:
        request = HttpRequest("POST", server.url, {"X-Bad": Secret(value)})
        error = refusal(transport, request)

    assert ("transport.protocol", False) == (error.code, error.retryable)
    assert isinstance(error, ServerUnreachable)
