"""Tests of proxies: selection, visible data and errors: faults 103, 105 and 106."""

from __future__ import annotations

import base64
import select
import socket
import ssl
from pathlib import Path

import pytest
from attrs import frozen

from credicorp_auth.errors import ConnectionFailed, DeadlinePassed, InvalidSetting, TlsFailed
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.transport.harness import Build, TransportHarness, ask, refusal
from credicorp_auth_testing.wire import (
    Drip,
    Hold,
    Listen,
    Receive,
    Reset,
    Send,
    Step,
    WireConnection,
    WireServer,
    response,
)

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@frozen
class Relay:
    """A step that relays bytes between the client and another server until one disconnects."""

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
    """Return the script of a proxy that tunnels to a port."""
    return [Receive(), Send(ESTABLISHED), Relay(port)]


class ProxyTests(TransportHarness):
    """Tests of proxies: selection, visible data and errors: faults 103, 105 and 106."""

    @pytest.mark.parametrize("proxied_by", ["option", "HTTPS_PROXY", "ALL_PROXY"])
    def test_fault_103_a_proxy_sees_connect_only(
        self,
        transport: Transport,
        server_context: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
        proxied_by: str,
        build: Build,
        ca_file: Path,
    ) -> None:
        """The proxy sees the host and its own password; the server sees all but that password."""
        script: list[Step] = [Receive(), Send(response(b"1")), Receive(), Send(response(b"2"))]
        with (
            WireServer(script, tls=server_context) as server,
            WireServer(tunnel(server.port)) as proxy,
        ):
            address = f"http://me:pass%40word@127.0.0.1:{proxy.port}"
            if proxied_by == "option":
                transport = build(ca_file=str(ca_file), proxy=address)
            else:
                monkeypatch.setenv(proxied_by, address)
            responses = [transport.send(ask(server.url), timeout=5) for _ in range(2)]

        seen = proxy.connections[0].received
        assert [b"1", b"2"] == [each.body.reveal() for each in responses]
        assert {None} == {
            each.peer_address for each in responses
        }  # the proxy's address is not the server's
        assert [1, 1] == [len(proxy.connections), len(server.connections)]
        assert seen.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.".encode())
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:pass@word") in seen
        assert b"canary" not in seen
        assert b"Proxy-Authorization" not in server.connections[0].received
        assert b"client_secret=secret-canary" in server.connections[0].received

    def test_a_proxy_may_speak_tls(
        self, server_context: ssl.SSLContext, build: Build, ca_file: Path
    ) -> None:
        """An https proxy is verified by the same authorities, and so is the server behind it."""
        with (
            WireServer([Receive(), Send(response(b"1"))], tls=server_context) as server,
            WireServer(tunnel(server.port), tls=server_context) as proxy,
        ):
            proxied = build(ca_file=str(ca_file), proxy=f"https://127.0.0.1:{proxy.port}")
            body = proxied.send(ask(server.url), timeout=5).body.reveal()

        assert b"1" == body
        assert b"canary" not in proxy.connections[0].received

    @pytest.mark.parametrize(
        "begun", [pytest.param(b"", id="byte"), pytest.param(b"HTTP/1.1 200 OK\r\n", id="line")]
    )
    def test_an_https_proxy_that_drips(
        self, server_context: ssl.SSLContext, build: Build, ca_file: Path, begun: bytes
    ) -> None:
        """The deadline holds through two layers of TLS."""
        drip = Drip(b"HTTP/1.1 200 OK\r\n" * 9, 0.05)
        with (
            WireServer([Receive(), Send(begun), drip], tls=server_context) as server,
            WireServer(tunnel(server.port), tls=server_context) as proxy,
        ):
            proxied = build(ca_file=str(ca_file), proxy=f"https://127.0.0.1:{proxy.port}")
            error = refusal(proxied, ask(server.url), timeout=0.5)

        assert (DeadlinePassed, "transport.deadline") == (type(error), error.code)

    def test_fault_103_plain_http_goes_past_the_proxy(
        self, transport: Transport, monkeypatch: pytest.MonkeyPatch, build: Build, ca_file: Path
    ) -> None:
        """Plain http to loopback bypasses the proxy, which could read it."""
        with WireServer([Receive(), Send(response())]) as server, WireServer([Hold()]) as proxy:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
            proxied = build(ca_file=str(ca_file), proxy=f"http://127.0.0.1:{proxy.port}")
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
    def test_fault_105_a_proxy_refuses(
        self,
        refused: str,
        status: str,
        retryable: bool,
        build: Build,
        ca_file: Path,
    ) -> None:
        """The error names the proxy's status; the proxy is not bypassed."""
        said = response(status=refused, headers=[("Location", "https://elsewhere.example/")])
        with WireServer([Hold()]) as server, WireServer([Receive(), Send(said)]) as proxy:
            proxied = build(ca_file=str(ca_file), proxy=f"http://me:canary@127.0.0.1:{proxy.port}")
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
        self, script: list[Step], build: Build, ca_file: Path
    ) -> None:
        """A proxy that disconnects before the tunnel exists is a proxy error."""
        with WireServer(script) as proxy:
            proxied = build(ca_file=str(ca_file), proxy=f"http://127.0.0.1:{proxy.port}")
            error = refusal(proxied, ask("https://hub.credicorp.co.uk/token"))

        assert (ConnectionFailed, "transport.proxy", True) == (
            type(error),
            error.code,
            error.retryable,
        )

    def test_fault_105_no_proxy_there(self, build: Build, ca_file: Path) -> None:
        """An unreachable proxy has another error than an unreachable server."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        error = refusal(
            build(ca_file=str(ca_file), proxy=f"http://127.0.0.1:{port}"),
            ask("https://hub.credicorp.co.uk/token"),
        )

        assert (ConnectionFailed, "transport.proxy", True) == (
            type(error),
            error.code,
            error.retryable,
        )

    def test_a_proxy_that_never_responds(self, build: Build, ca_file: Path) -> None:
        """The wait for the tunnel counts as connecting."""
        with WireServer([Hold()]) as proxy:
            proxied = build(ca_file=str(ca_file), proxy=f"http://127.0.0.1:{proxy.port}")
            error = refusal(proxied, ask("https://hub.credicorp.co.uk/token"), timeout=0.3)

        assert (DeadlinePassed, "transport.deadline") == (type(error), error.code)

    def test_the_server_behind_a_proxy_is_verified(self, build: Build, ca_file: Path) -> None:
        """A tunnel to a server without TLS is a TLS error, not a proxy error."""
        with (
            WireServer([Listen(), Send(b"not tls at all\r\n"), Hold()]) as server,
            WireServer(tunnel(server.port)) as proxy,
        ):
            proxied = build(ca_file=str(ca_file), proxy=f"http://127.0.0.1:{proxy.port}")
            error = refusal(proxied, ask(server.url.replace("http:", "https:")))

        assert (TlsFailed, False) == (type(error), error.retryable)

    @pytest.mark.parametrize(
        "exempt", ["127.0.0.1", "127.0.0.1:{port}", "*", "other.example, 127.0.0.1"]
    )
    def test_fault_106_no_proxy(
        self,
        transport: Transport,
        server_context: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
        exempt: str,
    ) -> None:
        """NO_PROXY exempts a host, with or without its port, from the environment's proxy."""
        with WireServer([Receive(), Send(response())], tls=server_context) as server:
            monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
            monkeypatch.setenv("NO_PROXY", exempt.format(port=server.port))

            assert 200 == transport.send(ask(server.url), timeout=5).status

    @pytest.mark.parametrize("address", ["socks5://proxy.example:1080", "http://", "http://[::1"])
    def test_addresses_that_are_none(
        self, transport: Transport, monkeypatch: pytest.MonkeyPatch, address: str, build: Build
    ) -> None:
        """An invalid proxy URL in an option fails at once; one in a variable, when it is used."""
        with pytest.raises(InvalidSetting, match="proxy"):
            build(proxy=address)
        monkeypatch.setenv("HTTPS_PROXY", address)
        error = refusal(transport, ask("https://hub.credicorp.co.uk/token"))

        assert (ConnectionFailed, "transport.proxy", False) == (
            type(error),
            error.code,
            error.retryable,
        )
