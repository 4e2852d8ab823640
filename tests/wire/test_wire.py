"""The wire itself: deadlines, addresses, proxies and limits, below every stack."""

from __future__ import annotations

import base64
import io
import signal
import socket
import ssl
import threading
import time
from functools import partial

import pytest

from credicorp_auth.errors import InvalidSetting, MalformedResponse
from credicorp_auth.http.messages import MAX_BODY
from credicorp_auth.http.secret import Secret
from credicorp_auth.wire.exchange import Exchange, current
from credicorp_auth.wire.failure import build_failure
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.proxy import Proxy, choose_proxy, read_proxy
from credicorp_auth.wire.response import PIECE, OpenResponse, read_response_body
from credicorp_auth.wire.sockets import (
    DeadlineSocket,
    connect_to_any,
    share_time,
    take_turns,
)
from credicorp_auth.wire.tls import build_context
from credicorp_auth.wire.tls_files import TlsFiles
from credicorp_auth_testing.contracts.transport.harness import black_hole_port
from credicorp_auth_testing.ticks import Ticks
from credicorp_auth_testing.wire import Hold, Send, WireServer


@pytest.fixture
def black_hole():
    with black_hole_port() as port:
        yield port


def test_a_response_shows_its_status_alone():
    """A list of local variables, as error reporters make it, holds nothing of the body."""
    shown = repr(OpenResponse(200, [("set-cookie", "canary")], [b"canary"], print))

    assert "OpenResponse(status=200)" == shown


def test_several_dead_addresses_take_no_longer_than_one(black_hole):
    """Each gets its share of the time, and no more is used than there is."""
    dead = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", black_hole))
    token = current.set(Exchange(0.4, connect_timeout=0.4))
    start = time.monotonic()
    with Ticks() as ticks, pytest.raises(TimeoutError):
        connect_to_any([dead] * 4, [])
    current.reset(token)

    assert 0.3 < time.monotonic() - start
    assert ticks.seconds < 0.65


def test_the_next_address_is_tried(black_hole):
    """A dead address costs its share, a second at least; the one behind it is still reached."""
    with WireServer([Hold()]) as server:
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))
            for port in (black_hole, server.port)
        ]
        token = current.set(Exchange(30, connect_timeout=2.4))
        current.get().begin_connecting()
        with connect_to_any(addresses, []) as connection:
            assert ("127.0.0.1", server.port) == connection.getpeername()
        current.reset(token)


def test_fault_016_time_runs_out_between_two_steps():
    """An exchange without time left says so before anything is done."""
    with pytest.raises(TimeoutError):
        Exchange(0, connect_timeout=1).left()


def test_fault_045_reading_stops_at_the_limit():
    """Not more than 64 KiB beyond the limit are taken."""
    source = io.BytesIO(b"x" * 3 * MAX_BODY)
    pieces = iter(partial(source.read, PIECE), b"")
    with pytest.raises(MalformedResponse):
        read_response_body(OpenResponse(200, [], pieces, source.close), host="127.0.0.1:1")

    assert MAX_BODY < source.tell() <= MAX_BODY + 64 * 1024


def test_fault_094_the_minimum_is_our_own():
    """The lowest version is set, and not left to the system's configuration."""
    context = build_context(TlsFiles())

    assert ssl.TLSVersion.TLSv1_2 == context.minimum_version
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("proxy.example:3128", Proxy("http://proxy.example:3128")),
        ("https://proxy.example", Proxy("https://proxy.example")),
        (
            "http://é:%2F@proxy.example:3128/path?q=canary",
            Proxy(
                "http://proxy.example:3128",
                Secret("Basic " + base64.b64encode("é:/".encode()).decode()),
            ),
        ),
    ],
)
def test_addresses_of_proxies(address, expected):
    """Scheme, host, port and credentials are read; anything else is left out."""
    assert expected == read_proxy(Secret(address))


def test_the_option_wins_over_the_environment(monkeypatch):
    """Where `proxy` is set, neither HTTPS_PROXY nor NO_PROXY is asked."""
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example")
    monkeypatch.setenv("NO_PROXY", "*")
    chosen = choose_proxy("https://hub.credicorp.co.uk/", configured=Secret("http://set.example"))

    assert Proxy("http://set.example") == chosen


@pytest.mark.parametrize("value", ["soon", 0, -1, "nan", "inf"])
def test_connect_timeout_is_a_length_of_time(value):
    """What is not a number of seconds above 0 is refused by name."""
    with pytest.raises(InvalidSetting, match="connect_timeout"):
        TransportOptions(connect_timeout=value)


def test_options_show_no_password():
    """The representation of the options holds no credential of the proxy."""
    options = TransportOptions(proxy=Secret("http://me:canary@proxy.example:3128"))

    assert "canary" not in repr(options)


@pytest.mark.parametrize(
    ("broke", "code"),
    [
        (ConnectionResetError(104, "reset"), "transport.reset"),
        (ConnectionRefusedError(111, "refused"), "transport.connect"),
        (OSError(113, "no route"), "transport.connect"),
    ],
)
def test_a_reset_while_connecting_is_a_reset(broke, code):
    """A server that accepts and hangs up at once was there."""
    exchange = Exchange(1, connect_timeout=1)
    exchange.begin_connecting()

    assert code == build_failure(broke, exchange, host="as.example").code


def test_a_connection_without_a_peer_is_found_out_by_sending():
    """A socket that is connected to nobody fails as sockets do, and tells no address."""
    exchange = Exchange(1.0, connect_timeout=1.0)
    token = current.set(exchange)
    try:
        with DeadlineSocket(socket.socket()) as unconnected, pytest.raises(BrokenPipeError):
            unconnected.sendall(b"x")
    finally:
        current.reset(token)
    assert exchange.peer_address is None


@pytest.mark.parametrize(
    ("left", "addresses", "seconds"),
    [(3, 1, 3), (3, 2, 1.5), (3, 16, 1), (0.4, 4, 0.4), (30, 10, 3)],
)
def test_fault_418_each_address_gets_a_second_at_least(left, addresses, seconds):
    """418: a host far away needs most of a second, however many addresses it has."""
    assert seconds == share_time(left, addresses)


def test_fault_418_families_take_turns():
    """418: the order within a family is the resolver's, and so is the family that begins."""
    four = [(socket.AF_INET, 1, 6, "", (f"192.0.2.{each}", 1)) for each in range(2)]
    six = [(socket.AF_INET6, 1, 6, "", (f"2001:db8::{each}", 1, 0, 0)) for each in range(3)]

    assert [six[0], four[0], six[1], four[1], six[2]] == take_turns([*six, *four])


def test_an_interrupt_while_connecting_leaves_no_socket_open(black_hole):
    """What interrupts a program also closes the connection that it was making."""
    token = current.set(Exchange(30, connect_timeout=30))
    timer = threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM))  # fmt: skip
    before = signal.signal(signal.SIGALRM, _interrupt)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            connect_to_any([(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", black_hole))], [])  # fmt: skip
    finally:
        signal.signal(signal.SIGALRM, before)
        current.reset(token)
        timer.join()


def _interrupt(*_):
    raise KeyboardInterrupt


NO_PROXY = [
    # rules, address, whether it is spared
    ("*", "https://a.example/", True),
    ("b.example,*", "https://a.example/", True),
    ("10.1.2.3", "https://10.1.2.3/token", True),
    ("10.1.2.3:8443", "https://10.1.2.3:8443/token", True),
    ("10.1.2.3:8443", "https://10.1.2.3/token", False),
    ("10.1.2.3:443", "https://10.1.2.3/token", True),
    ("10.0.0.0/8", "https://10.1.2.3/token", True),
    ("10.1.2.3/8", "https://10.9.9.9/token", True),
    ("10.0.0.0/8", "https://11.1.2.3/token", False),
    ("10.0.0.0/8", "https://a.example/token", False),
    ("10.0.0.0/99", "https://10.1.2.3/token", False),
    ("::1", "https://[::1]/token", True),
    ("[::1]", "https://[::1]:8443/token", True),
    ("[::1]:8443", "https://[::1]:8443/token", True),
    ("[::1]:8443", "https://[::1]/token", False),
    ("fd00::/8", "https://[fd00::5]/token", True),
    ("fd00::/8", "https://[fe80::5]/token", False),
    ("FD00::5", "https://[fd00:0:0::5]/token", True),
    (".svc, .cluster.local", "https://auth.ns.svc.cluster.local/token", True),
    (".example", "https://example/token", True),
    ("*.example", "https://a.example/token", True),
    ("a.example", "https://A.EXAMPLE./token", True),
    ("a.example:8443", "https://b.a.example:8443/", True),
    ("a.example:8443", "https://a.example/", False),
    ("example", "https://anexample/token", False),
    (".", "https://a.example/", False),
    ("", "https://a.example/", False),
]


@pytest.mark.parametrize(("rules", "url", "spared"), NO_PROXY)
def test_fault_419_forms_of_no_proxy(monkeypatch, rules, url, spared):
    """419: names, addresses and ranges count, each with or without a port, dots or brackets."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", rules)

    assert spared == (choose_proxy(url, configured=None) is None)


def test_a_connection_is_closed_after_the_last_reader_of_a_response():
    """http.client closes a connection while its response is still read; a reader may close twice."""
    token = current.set(Exchange(5, connect_timeout=5))
    with WireServer([Send(b"HTTP/1.1 200 OK\r\n\r\nrest"), Hold()]) as server:
        address = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", server.port))
        connection = connect_to_any([address], [])
        start = bytearray(8)
        assert 8 == connection.recv_into(start)
        reader = connection.makefile("rb")
        connection.close()
        line = reader.readline()
        raw = reader.raw
        reader.close()
        raw.close()
        assert -1 == connection.fileno()
    current.reset(token)

    assert (b"HTTP/1.1", b" 200 OK\r\n") == (bytes(start), line)
