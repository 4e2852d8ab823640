"""A library with sockets of its own: what it is given, and what is made of what it hands over."""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException

import pytest
from credicorp_auth_curl.handles import HandleStack, Incoming

from credicorp_auth.errors import MalformedResponse
from credicorp_auth.http.messages import MAX_BODY, HttpRequest
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.wire.exchange import Exchange
from credicorp_auth.wire.interim import MAX_INTERIM
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.transport import SocketTransport

URL = "https://hub.credicorp.co.uk/token"
HEAD = [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 2\r\n", b"\r\n"]


class Handle:
    """What this library makes exchanges with."""

    def __init__(self):
        self.is_closed = False

    def close(self):
        self.is_closed = True


class Library:
    """A library that plays what it is told, and keeps what it was asked."""

    def __init__(
        self, *, lines=HEAD, body=b"ok", failure=None, met=(b"192.0.2.7", 99), trailers=()
    ):
        self.lines, self.body, self.failure, self.met = lines, body, failure, met
        self.trailers = trailers
        self.handles = []
        self.asked = []

    def transport(self, **options):
        return SocketTransport(
            lambda: HandleStack(self.build, self.carry), TransportOptions(**options)
        )

    def build(self):
        self.handles.append(Handle())
        return self.handles[-1]

    def carry(self, handle, outgoing, incoming):
        assert not handle.is_closed
        self.asked.append(outgoing)
        try:
            for line in self.lines:
                assert len(line) == incoming.take_line(line)
            if self.failure is not None:
                raise self.failure
            for piece in [self.body] if isinstance(self.body, bytes) else self.body:
                assert len(piece) == incoming.take_piece(piece)
            for line in self.trailers:
                incoming.take_line(line)
        finally:
            incoming.met(*self.met)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def request(**headers):
    return HttpRequest("POST", URL, {"A": Secret("canary"), **headers}, SecretBytes(b"canary"))


def refused(transport, asked=None, kind=Exception):
    with pytest.raises(kind) as caught:
        transport.send(asked or request(), timeout=5)
    return caught.value


def test_a_library_is_asked_for_all_and_nothing_else():
    """It gets whole lines, the times, and no proxy; what goes out is not shown."""
    library = Library()
    got = library.transport(connect_timeout=2).send(request(), timeout=5)
    asked = library.asked[0]

    assert (200, b"ok", "192.0.2.7") == (got.status, got.body.reveal(), got.peer_address)
    assert ("POST", URL, b"canary", None, [], 2.0) == (
        asked.method, asked.url, asked.body, asked.proxy, asked.proxy_headers, asked.connect_timeout
    )  # fmt: skip
    assert [b"User-Agent", b"Accept-Encoding", b"A"] == [
        each.split(b":")[0] for each in asked.headers
    ]
    assert 0 < asked.timeout <= 5
    assert "canary" not in repr(asked)


def test_a_proxy_is_named_with_its_own_lines():
    """The password of a proxy goes to the proxy, whose address is not that of the server."""
    library = Library()
    got = library.transport(proxy="http://me:word@proxy.example:3128").send(request(), timeout=5)

    assert "http://proxy.example:3128" == library.asked[0].proxy
    assert [b"proxy-authorization: Basic bWU6d29yZA=="] == [
        each.replace(b"Proxy-Authorization", b"proxy-authorization") for each in library.asked[0].proxy_headers
    ]  # fmt: skip
    assert got.peer_address is None


def test_handles_are_kept_and_closed():
    """One handle serves request after request, as long as answers are whole."""
    library = Library()
    transport = library.transport()
    for _ in range(3):
        transport.send(request(), timeout=5)
    open_so_far = [each.is_closed for each in library.handles]
    transport.close()

    assert ([False], [True]) == (open_so_far, [each.is_closed for each in library.handles])


def test_interim_answers_and_trailers_are_left_out():
    """The head is that of the final answer, and headers that came twice are two."""
    interim = [b"HTTP/1.1 100 Continue\r\n", b"X: no\r\n", b"\r\n"]
    head = [b"HTTP/1.1 200 OK\r\n", b"Set-Cookie: a\r\n", b"Set-Cookie: b \r\n", b"\r\n"]
    library = Library(lines=[*interim, *interim, *head], trailers=[b"X: neither\r\n"])
    got = library.transport().send(request(), timeout=5)

    assert ((("set-cookie", "a"), ("set-cookie", "b")), 200) == (got.headers, got.status)


def test_half_a_head_is_none():
    """A library that takes the end of the stream for the end of the head is not believed."""
    library = Library(lines=HEAD[:2], body=b"")
    error = refused(library.transport())

    assert ("transport.reset", True) == (error.code, error.retryable)
    assert library.handles[0].is_closed


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([b"HTTP/1.1 101 Switching\r\n", b"\r\n"], id="012-upgrade"),
        pytest.param([b"\r\n"], id="011-nothing"),
        pytest.param([b"HTTP/1.1\r\n", b"\r\n"], id="011-no-status"),
        pytest.param([b"HTTP/1.1 OK\r\n", b"\r\n"], id="011-no-number"),
        pytest.param([HEAD[0], *[b"X: y\r\n"] * 200, b"\r\n"], id="013-many-headers"),
    ],
)
def test_fault_011_to_013_what_is_no_head_ends_the_exchange(lines):
    """Neither another protocol, nor a head without a status, nor one without an end is an answer."""
    library = Library(lines=lines)
    error = refused(library.transport())

    assert ("transport.protocol", False) == (error.code, error.retryable)
    assert library.handles[0].is_closed


def test_fault_045_a_body_ends_at_the_limit():
    """Not a piece is taken beyond it, and the handle is not used again."""
    taken = []
    library = Library(
        lines=[HEAD[0], HEAD[2]], body=(taken.append(1) or b"x" * MAX_BODY for _ in range(9))
    )
    error = refused(library.transport(), kind=MalformedResponse)

    assert ("response.too_large", 2) == (error.code, len(taken))
    assert library.handles[0].is_closed


def test_an_interruption_is_passed_on():
    """Ctrl-C in the middle of an answer ends everything."""
    library = Library(failure=KeyboardInterrupt())
    refused(library.transport(), kind=KeyboardInterrupt)

    assert library.handles[0].is_closed


@pytest.mark.parametrize("value", ["a\r\nB: c", "nul\0", "a\nb", "snowman \u2603"])
def test_what_a_library_in_c_would_send_is_looked_at_before(value):
    """A value with a line end, or of no Latin letters, is refused, and no library asked."""
    library = Library()
    error = refused(library.transport(), request(Bad=value))

    assert ("transport.protocol", False, []) == (error.code, error.retryable, library.asked)


@pytest.mark.parametrize(
    ("failure", "lines", "met", "code", "retryable"),
    [
        (socket.gaierror(), [], (b"", 0), "transport.dns", True),
        (ConnectionRefusedError(), [], (b"", 0), "transport.connect", True),
        (TimeoutError(), [], (b"192.0.2.7", 9), "transport.read_timeout", True),
        (TimeoutError(), HEAD, (b"192.0.2.7", 9), "transport.deadline", True),
        (ConnectionResetError(), [], (b"192.0.2.7", 9), "transport.reset", True),
        (ConnectionResetError(), HEAD[:1], (b"192.0.2.7", 9), "transport.reset", True),
        (ConnectionResetError(), HEAD, (b"192.0.2.7", 9), "transport.incomplete_body", True),
        (ssl.SSLError(), [], (b"192.0.2.7", 0), "transport.tls", False),
        (ssl.SSLEOFError(), [], (b"192.0.2.7", 0), "transport.tls", True),
        (OSError("no idea"), [], (b"192.0.2.7", 0), "transport.protocol", False),
    ],
)
def test_what_python_would_have_raised_is_read(failure, lines, met, code, retryable):
    """The code follows from how far it came, and from the kind of failure."""
    library = Library(lines=lines, failure=failure, met=met)
    error = refused(library.transport())

    assert (code, retryable) == (error.code, error.retryable)
    assert library.handles[0].is_closed
    assert 1 == len(library.asked)


@pytest.mark.parametrize(("said", "retryable"), [("407", False), ("502", True), ("0", True)])
def test_a_proxy_that_refuses_is_told(said, retryable):
    """A failure before the request was sent is the proxy's, and its status is read."""
    library = Library(lines=[], failure=OSError(said), met=(b"192.0.2.8", 0))
    error = refused(library.transport(proxy="http://proxy.example:3128"))

    assert ("transport.proxy", retryable) == (error.code, error.retryable)
    assert said == "0" or said in str(error)


def test_fault_420_interim_responses_of_a_library_are_bounded():
    """420: a library that delivers interim responses without end is stopped."""
    exchange = Exchange(1, connect_timeout=1)
    incoming = Incoming(exchange)
    for _ in range(MAX_INTERIM):
        incoming.take_line(b"HTTP/1.1 103 Early Hints\r\n")
        incoming.take_line(b"\r\n")
    incoming.take_line(b"HTTP/1.1 103 Early Hints\r\n")

    with pytest.raises(HTTPException):
        incoming.take_line(b"\r\n")
