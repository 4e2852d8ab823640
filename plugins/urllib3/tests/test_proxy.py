"""Proxies: when one is used, what it sees, and what its refusals mean: faults 103 and 105."""

from __future__ import annotations

import base64
import select
import socket
import ssl
from typing import Any

import pytest
from attrs import frozen

from credicorp_auth.errors import (
    ConnectionFailed,
    DeadlinePassed,
    InvalidSetting,
    TlsFailed,
)
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.testing.wire import (
    Drip,
    Hold,
    Receive,
    Reset,
    Send,
    Step,
    WireConnection,
    WireServer,
    answer,
)
from credicorp_auth_urllib3.proxy import Proxy, choose_proxy, read_proxy
from credicorp_auth_urllib3.transport import TransportOptions, Urllib3Transport

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@frozen
class Relay:
    """Carry bytes between the client and another server until one of them goes."""

    port: int

    def play(self, connection: WireConnection) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as far:
            ends = {far: connection.socket, connection.socket: far}
            while True:
                pending = (
                    isinstance(connection.socket, ssl.SSLSocket) and connection.socket.pending()
                )
                ready = [connection.socket] if pending else select.select(list(ends), [], [])[0]
                for end in ready:
                    if not (data := end.recv(65536)):
                        return
                    connection.received += data if end is not far else b""
                    ends[end].sendall(data)


def tunnel(port: int) -> list[Step]:
    return [Receive(), Send(ESTABLISHED), Relay(port)]


def through(transport: Urllib3Transport, proxy: str) -> Urllib3Transport:
    return Urllib3Transport(TransportOptions(ca_file=transport._options.ca_file, proxy=proxy))


@pytest.mark.parametrize("proxied_by", ["option", "HTTPS_PROXY", "ALL_PROXY"])
def test_fault_103_a_proxy_sees_connect_only(
    transport: Urllib3Transport,
    ask: Any,
    server_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    proxied_by: str,
) -> None:
    """A proxy learns the host and its own password; the server learns all but that password."""
    script = [Receive(), Send(answer(b"1")), Receive(), Send(answer(b"2"))]
    with (
        WireServer(script, tls=server_context) as server,
        WireServer(tunnel(server.port)) as proxy,
    ):
        address = f"http://me:pass%40word@127.0.0.1:{proxy.port}"
        if proxied_by == "option":
            transport = through(transport, address)
        else:
            monkeypatch.setenv(proxied_by, address)
        bodies = [transport.send(ask(server.url), timeout=5).body.reveal() for _ in range(2)]
        transport.close()

    seen = proxy.connections[0].received
    assert [b"1", b"2"] == bodies
    assert [1, 1] == [len(proxy.connections), len(server.connections)]
    assert seen.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.".encode())
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:pass@word") in seen
    assert b"canary" not in seen
    assert b"Proxy-Authorization" not in server.connections[0].received
    assert b"client_secret=secret-canary" in server.connections[0].received


def test_a_proxy_may_speak_tls(
    transport: Urllib3Transport, ask: Any, server_context: ssl.SSLContext
) -> None:
    """An https proxy is verified with the same authorities, and so is the server behind it."""
    with (
        WireServer([Receive(), Send(answer(b"1"))], tls=server_context) as server,
        WireServer(tunnel(server.port), tls=server_context) as proxy,
    ):
        proxied = through(transport, f"https://127.0.0.1:{proxy.port}")
        body = proxied.send(ask(server.url), timeout=5).body.reveal()
        proxied.close()

    assert b"1" == body
    assert b"canary" not in proxy.connections[0].received


def test_an_https_proxy_that_drips(
    transport: Urllib3Transport, refusal: Any, ask: Any, server_context: ssl.SSLContext
) -> None:
    """The deadline holds through two layers of TLS."""
    drip = Drip(b"HTTP/1.1 200 OK\r\n" * 9, 0.05)
    with (
        WireServer([Receive(), drip], tls=server_context) as server,
        WireServer(tunnel(server.port), tls=server_context) as proxy,
    ):
        proxied = through(transport, f"https://127.0.0.1:{proxy.port}")
        error = refusal(proxied, ask(server.url), timeout=0.5)

    assert (DeadlinePassed, "transport.deadline") == (type(error), error.code)


def test_fault_103_plain_http_goes_past_the_proxy(
    transport: Urllib3Transport, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http, which a proxy could read, goes straight to loopback."""
    with WireServer([Receive(), Send(answer())]) as server, WireServer([Hold()]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        proxied = through(transport, f"http://127.0.0.1:{proxy.port}")
        for each in (transport, proxied):
            assert 200 == each.send(ask(server.url), timeout=5).status
            each.close()

    assert [] == proxy.connections


@pytest.mark.parametrize(
    ("refused", "status", "retryable"),
    [
        ("407 Proxy Authentication Required", "407", False),
        ("502 Bad Gateway", "502", True),
        ("302 Found", "302", False),
    ],
)
def test_fault_105_a_proxy_refuses(  # fixtures
    transport: Urllib3Transport,
    refusal: Any,
    ask: Any,
    refused: str,
    status: str,
    retryable: bool,
) -> None:
    """A proxy's refusal is told by its status; nobody goes around the proxy."""
    said = answer(status=refused, headers=[("Location", "https://elsewhere.example/")])
    with WireServer([Hold()]) as server, WireServer([Receive(), Send(said)]) as proxy:
        proxied = through(transport, f"http://me:canary@127.0.0.1:{proxy.port}")
        error = refusal(proxied, ask(server.url.replace("http:", "https:")))

    assert (ConnectionFailed, "transport.proxy", retryable) == (
        type(error),
        error.code,
        error.retryable,
    )
    assert status in str(error)
    assert [] == server.connections


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([Receive(), Reset()], id="reset"),
        pytest.param([Receive()], id="closed"),
        pytest.param([Receive(), Send(b"SSH-2.0-OpenSSH\r\n")], id="no-http"),
    ],
)
def test_fault_105_a_proxy_breaks_off(
    transport: Urllib3Transport, refusal: Any, ask: Any, script: list[Step]
) -> None:
    """A proxy that goes away before there is a tunnel is the proxy's failure."""
    with WireServer(script) as proxy:
        proxied = through(transport, f"http://127.0.0.1:{proxy.port}")
        error = refusal(proxied, ask("https://hub.credicorp.co.uk/token"))

    assert (ConnectionFailed, "transport.proxy", True) == (type(error), error.code, error.retryable)


def test_fault_105_no_proxy_there(transport: Urllib3Transport, refusal: Any, ask: Any) -> None:
    """A proxy that cannot be reached is told apart from a server that cannot."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refusal(
        through(transport, f"http://127.0.0.1:{port}"), ask("https://hub.credicorp.co.uk/token")
    )

    assert (ConnectionFailed, "transport.proxy", True) == (type(error), error.code, error.retryable)


def test_a_proxy_that_never_answers(transport: Urllib3Transport, refusal: Any, ask: Any) -> None:
    """The tunnel counts as connecting."""
    with WireServer([Hold()]) as proxy:
        proxied = through(transport, f"http://127.0.0.1:{proxy.port}")
        error = refusal(proxied, ask("https://hub.credicorp.co.uk/token"), timeout=0.3)

    assert (DeadlinePassed, "transport.deadline") == (type(error), error.code)


def test_the_server_behind_a_proxy_is_verified(
    transport: Urllib3Transport, refusal: Any, ask: Any, server_context: ssl.SSLContext
) -> None:
    """A tunnel to a server without TLS ends as a failure of TLS, not of the proxy."""
    with (
        WireServer([Send(b"not tls at all\r\n"), Hold()]) as server,
        WireServer(tunnel(server.port)) as proxy,
    ):
        proxied = through(transport, f"http://127.0.0.1:{proxy.port}")
        error = refusal(proxied, ask(server.url.replace("http:", "https:")))

    assert (TlsFailed, False) == (type(error), error.retryable)


@pytest.mark.parametrize(
    "exempt", ["127.0.0.1", "127.0.0.1:{port}", "*", "other.example, 127.0.0.1"]
)
def test_fault_106_no_proxy(
    transport: Urllib3Transport,
    ask: Any,
    server_context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    exempt: str,
) -> None:
    """NO_PROXY exempts a host, with or without its port, from the environment's proxy."""
    with WireServer([Receive(), Send(answer())], tls=server_context) as server:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", exempt.format(port=server.port))

        assert 200 == transport.send(ask(server.url), timeout=5).status


@pytest.mark.parametrize("address", ["socks5://proxy.example:1080", "http://", "http://[::1"])
def test_addresses_that_are_none(
    transport: Urllib3Transport,
    refusal: Any,
    ask: Any,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
) -> None:
    """An option that is no proxy's address is refused at once; a variable, when it is needed."""
    with pytest.raises(InvalidSetting, match="proxy"):
        TransportOptions(proxy=address)
    monkeypatch.setenv("HTTPS_PROXY", address)
    error = refusal(transport, ask("https://hub.credicorp.co.uk/token"))

    assert (ConnectionFailed, "transport.proxy", False) == (
        type(error),
        error.code,
        error.retryable,
    )


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
def test_addresses_of_proxies(address: str, expected: Proxy) -> None:
    """Scheme, host, port and credentials are read; anything else is left out."""
    assert expected == read_proxy(Secret(address))


def test_the_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `proxy` is set, neither HTTPS_PROXY nor NO_PROXY is asked."""
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example")
    monkeypatch.setenv("NO_PROXY", "*")
    chosen = choose_proxy("https://hub.credicorp.co.uk/", configured=Secret("http://set.example"))

    assert Proxy("http://set.example") == chosen
