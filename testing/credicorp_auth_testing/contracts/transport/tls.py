"""Tests of TLS: trusted authorities and handshake failures: faults 93 to 96, 100 and 101."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from credicorp_auth.errors import ConnectionFailed, DeadlinePassed, InvalidSetting, TlsFailed
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.transport.harness import Build, TransportHarness, ask, refusal
from credicorp_auth_testing.wire import Drip, Hold, Receive, Reset, Send, Step, WireServer, response

YEAR = timedelta(days=365)
ENCRYPTED_KEY = """-----BEGIN ENCRYPTED PRIVATE KEY-----
AAAA
-----END ENCRYPTED PRIVATE KEY-----
"""


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the TLS context of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


def distrusted(case: str, authority: trustme.CA) -> trustme.LeafCert:
    """Issue a certificate that must not be trusted."""
    now = datetime.now(UTC)
    if case == "expired":
        return authority.issue_cert("127.0.0.1", not_before=now - YEAR, not_after=now - YEAR / 2)
    if case == "not-yet-valid":
        return authority.issue_cert("127.0.0.1", not_before=now + YEAR / 2, not_after=now + YEAR)
    if case == "wrong-host":
        return authority.issue_cert("hub.credicorp.co.uk")
    if case == "common-name-only":
        return authority.issue_cert("elsewhere.example", common_name="127.0.0.1")
    return trustme.CA().issue_cert("127.0.0.1")


class TakeHello:
    """A step that reads the first message of a handshake."""

    def play(self, connection: Any) -> None:
        connection.take()


class TlsTests(TransportHarness):
    """Tests of TLS: trusted authorities and handshake failures: faults 93 to 96, 100 and 101."""

    def test_a_trusted_server_is_asked(
        self, transport: Transport, server_context: ssl.SSLContext
    ) -> None:
        """Over TLS, too, requests to one origin use one connection."""
        script: list[Step] = [Receive(), Send(response(b"1")), Receive(), Send(response(b"2"))]
        with WireServer(script, tls=server_context) as server:
            bodies = [transport.send(ask(server.url), timeout=5).body.reveal() for _ in range(2)]

        assert [b"1", b"2"] == bodies
        assert 1 == len(server.connections)

    def test_fault_310_http_2_is_not_spoken(
        self, transport: Transport, authority: trustme.CA
    ) -> None:
        """HTTP/1.1 is used even if the server prefers HTTP/2, whose libraries log headers."""
        context = serving(authority.issue_cert("127.0.0.1"))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with WireServer([Receive(), Send(response())], tls=context) as server:
            assert 200 == transport.send(ask(server.url), timeout=5).status

        assert server.connections[0].received.startswith(b"POST /token HTTP/1.1\r\n")

    @pytest.mark.parametrize(
        "case",
        ["expired", "not-yet-valid", "wrong-host", "common-name-only", "untrusted-authority"],
    )
    def test_fault_093_certificate(
        self, transport: Transport, authority: trustme.CA, case: str
    ) -> None:
        """A certificate that does not prove the host fails before the request is sent."""
        with WireServer([Receive()], tls=serving(distrusted(case, authority))) as server:
            error = refusal(transport, ask(server.url))

        assert (TlsFailed, "transport.tls", False) == (type(error), error.code, error.retryable)
        assert [b""] == [each.received for each in server.connections]

    def test_fault_093_self_signed(self, transport: Transport, tmp_path: Path) -> None:
        """A server with a self-signed certificate is not trusted."""
        alone = trustme.CA()
        pem = tmp_path / "server.pem"
        alone.private_key_pem.write_to_path(str(pem))
        alone.cert_pem.write_to_path(str(pem), append=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        with WireServer([Receive()], tls=context) as server:
            error = refusal(transport, ask(server.url))

        assert (TlsFailed, "transport.tls", False) == (type(error), error.code, error.retryable)
        assert [b""] == [each.received for each in server.connections]

    @pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
    def test_fault_094_old_version(self, transport: Transport, authority: trustme.CA) -> None:
        """A server that supports TLS 1.1 at most is rejected."""
        context = serving(authority.issue_cert("127.0.0.1"))
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with WireServer([Receive()], tls=context) as server:
            error = refusal(transport, ask(server.url))

        assert (TlsFailed, "transport.tls", False) == (type(error), error.code, error.retryable)

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param([Hold()], id="silent"),
            pytest.param([Drip(b"\x16\x03\x03\x01\x00" + b"\x02" * 99, 0.05)], id="dripped"),
        ],
    )
    def test_fault_095_handshake_stalls(self, script: Any, build: Build) -> None:
        """A handshake counts as connecting: its limits are `connect_timeout` and the deadline."""
        transport = build(connect_timeout=0.3)
        with WireServer(script) as server:
            url = server.url.replace("http:", "https:")
            limited = refusal(transport, ask(url), timeout=1)
            late = refusal(transport, ask(url), timeout=0.2)

        assert (ConnectionFailed, "transport.connect_timeout") == (type(limited), limited.code)
        assert (DeadlinePassed, "transport.deadline") == (type(late), late.code)

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param([Receive(), Reset()], id="reset"),
            pytest.param([], id="closed"),
        ],
    )
    def test_fault_095_handshake_breaks(self, transport: Transport, script: Any) -> None:
        """A disconnect during the handshake is retryable, since the server may return."""
        with WireServer([TakeHello(), *script[1:]]) as server:
            error = refusal(transport, ask(server.url.replace("http:", "https:")))

        assert (TlsFailed, "transport.tls", True) == (type(error), error.code, error.retryable)

    def test_fault_096_plain_http_on_the_https_port(self, transport: Transport) -> None:
        """A server without TLS receives no part of the request."""
        with WireServer([TakeHello(), Send(response(status="400 Bad Request"))]) as server:
            error = refusal(transport, ask(server.url.replace("http:", "https:")))

        assert (TlsFailed, "transport.tls", False) == (type(error), error.code, error.retryable)
        assert b"canary" not in server.connections[0].received

    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_fault_100_the_environment_adds_no_authority(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        variable: str,
        build: Build,
        ca_file: Path,
    ) -> None:
        """If `ca_file` is set, it alone decides; a bundle that the environment names is ignored."""
        stranger = trustme.CA()
        stranger.cert_pem.write_to_path(str(tmp_path / "stranger.pem"))
        monkeypatch.setenv(variable, str(tmp_path / "stranger.pem"))
        pinned = build(ca_file=str(ca_file))
        with WireServer([Receive()], tls=serving(stranger.issue_cert("127.0.0.1"))) as server:
            error = refusal(pinned, ask(server.url))

        assert "transport.tls" == error.code

    def test_fault_100_without_ca_file_the_system_decides(
        self,
        ca_file: Path,
        server_context: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
        build: Build,
    ) -> None:
        """If it is not set, the system's authorities apply, which SSL_CERT_FILE may select."""
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        transport = build()
        with WireServer([Receive(), Send(response())], tls=server_context) as server:
            assert 200 == transport.send(ask(server.url), timeout=5).status

        transport.close()

    def test_fault_101_no_key_log(
        self,
        ca_file: Path,
        server_context: ssl.SSLContext,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        build: Build,
    ) -> None:
        """The environment cannot have the session keys written to a file."""
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
        transport = build(ca_file=str(ca_file))
        with WireServer([Receive(), Send(response())], tls=server_context) as server:
            transport.send(ask(server.url), timeout=5)

        assert [] == list(tmp_path.iterdir())

    def test_the_client_shows_its_certificate(
        self, authority: trustme.CA, ca_file: Path, tmp_path: Path, build: Build
    ) -> None:
        """A server that requests a certificate gets the one of `client_certificate`."""
        path = tmp_path / "client.pem"
        authority.issue_cert("client@example.com").private_key_and_cert_chain_pem.write_to_path(
            str(path)
        )
        context = serving(authority.issue_cert("127.0.0.1"))
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
        transport = build(ca_file=str(ca_file), client_certificate=str(path))
        with WireServer([Receive(), Send(response(b"mutual"))], tls=context) as server:
            assert b"mutual" == transport.send(ask(server.url), timeout=5).body.reveal()

    def test_a_server_that_misses_the_certificate(
        self, transport: Transport, authority: trustme.CA
    ) -> None:
        """The server's rejection is a TLS error, although it arrives after the handshake."""
        context = serving(authority.issue_cert("127.0.0.1"))
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
        with WireServer([Receive(), Send(response())], tls=context) as server:
            error = refusal(transport, ask(server.url))

        assert "transport.tls" == error.code

    @pytest.mark.parametrize("option", ["ca_file", "client_certificate"])
    @pytest.mark.parametrize("content", [None, "no certificate", "encrypted"])
    def test_unusable_files(
        self, tmp_path: Path, option: str, content: str | None, build: Build
    ) -> None:
        """A file that is missing or has the wrong content is rejected, with its path."""
        path = tmp_path / "some.pem"
        if content == "encrypted":
            path.write_text(ENCRYPTED_KEY)
        elif content:
            path.write_text(content)
        with pytest.raises(InvalidSetting) as caught:
            build(**{option: str(path)})

        assert str(path) in str(caught.value)
        assert option in caught.value.hint
        assert caught.value.__context__ is None
