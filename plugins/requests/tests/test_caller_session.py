"""A transport over a session of the caller's: what is used of it, what is not, and its errors."""

from __future__ import annotations

import os
import socket
import ssl

import pytest
import trustme
from requests import Session

from credicorp_auth import errors
from credicorp_auth_requests import RequestsTransport, TransportOptions
from credicorp_auth_testing.contracts.transport.harness import ask, black_hole_port
from credicorp_auth_testing.wire import Hold, Receive, Reset, Send, WireServer, response

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def session(monkeypatch):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with Session() as session:
        yield session


@pytest.fixture
def transport(session):
    return RequestsTransport(TransportOptions(connect_timeout=0.2), session=session)


def code_of(transport, url, timeout=2.0):
    with pytest.raises(errors.CredicorpAuthError) as raised:
        transport.send(ask(url), timeout=timeout)
    assert raised.value.__context__ is None
    assert isinstance(raised.value.__cause__, errors.AdapterFailure | None)
    assert "canary" not in f"{raised.value}"
    return raised.value.code


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([Receive(), Reset()], "transport.reset"),
        ([Receive()], "transport.reset"),
        ([Receive(), Hold()], "transport.read_timeout"),
        ([Receive(), Send(b"SSH-2.0-x\r\n")], "transport.protocol"),
        ([Receive(), Send(HEAD + b"Content-Length: 9\r\n\r\nx")], "transport.incomplete_body"),
        ([Receive(), Send(response(b" " * (1024 * 1024 + 1)))], "response.too_large"),
        (
            [Receive(), Send(response(headers=[("Content-Encoding", "gzip")]))],
            "response.content_encoding",
        ),
    ],
    ids=["reset", "closed", "silent", "ssh", "cut", "large", "gzip"],
)
def test_failures_have_the_codes_of_every_transport(transport, script, code):
    """What a server does is told as over a session of our own."""
    with WireServer(script) as server:
        assert code == code_of(transport, server.url, timeout=0.5)


def test_failures_to_connect_have_them_too(transport, session):
    """Nobody there, no such name, nothing but silence, and a proxy that is gone are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gone = listener.getsockname()[1]

    assert "transport.connect" == code_of(transport, f"http://127.0.0.1:{gone}/")
    assert "transport.dns" == code_of(transport, "http://no-such-host.invalid/")
    with black_hole_port() as port:
        assert "transport.connect_timeout" == code_of(transport, f"http://127.0.0.1:{port}/")
    session.proxies = {"https": f"http://127.0.0.1:{gone}"}
    assert "transport.proxy" == code_of(transport, "https://hub.credicorp.co.uk/")


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_fault_105_the_sessions_proxy_may_refuse(transport, session, status):
    """105: its status is told."""
    with WireServer([Receive(), Send(response(status=status))]) as proxy:
        session.proxies = {"https": f"http://127.0.0.1:{proxy.port}"}
        with pytest.raises(errors.ConnectionFailed, match=status[:3]) as raised:
            transport.send(ask("https://hub.credicorp.co.uk/"), timeout=2)

    assert ("transport.proxy", status.startswith("5")) == (
        raised.value.code,
        raised.value.retryable,
    )


def test_fault_100_the_sessions_authority_is_not_overridden(
    session, transport, tmp_path, monkeypatch
):
    """100: a bundle in the environment does not replace the one that the session names."""
    ours, strange = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(str(tmp_path / "ours.pem"))
    strange.cert_pem.write_to_path(str(tmp_path / "strange.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "strange.pem"))
    session.verify = str(tmp_path / "ours.pem")
    for authority, expected in ((ours, None), (strange, "transport.tls")):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with WireServer([Receive(), Send(response())], tls=context) as server:
            if expected is None:
                assert 200 == transport.send(ask(server.url), timeout=2).status
            else:
                assert expected == code_of(transport, server.url)


def test_what_the_session_says_of_other_requests_is_left_out(
    session, transport, tmp_path, monkeypatch
):
    """Its auth, cookies, headers and netrc are for the caller's requests; redirects are answers."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session.auth = ("somebody", "else")
    session.headers["X-Own"] = "1"
    session.cookies.set("a", "b")
    redirect = response(status="307 Elsewhere", headers=[("Location", "/"), ("Set-Cookie", "c=d")])
    with WireServer([Receive(), Send(redirect), Receive(), Send(response())]) as server:
        assert 307 == transport.send(ask(server.url), timeout=2).status
        assert 200 == transport.send(ask(server.url), timeout=2).status

    received = server.connections[0].received
    assert 2 == received.count(b"Authorization: Basic c2VjcmV0LWNhbmFyeQ==\r\n")
    assert b"cookie" not in received.lower()
    assert b"X-Own" not in received


def test_fault_115_a_closed_session_opens_again(session, transport):
    """115: a session that was closed meanwhile makes new connections, as requests has it."""
    with WireServer([Receive(), Send(response(b"1"))], [Receive(), Send(response(b"2"))]) as server:
        first = transport.send(ask(server.url), timeout=2)
        session.close()
        second = transport.send(ask(server.url), timeout=2)

    assert [b"1", b"2"] == [each.body.reveal() for each in (first, second)]


def test_after_a_fork_it_starts_without_connections(session, transport):
    """In a child, the connections of the parent's session are neither used nor closed."""
    with WireServer([Receive(), Send(response()), Hold()]) as server:
        transport.send(ask(server.url), timeout=2)
        transport.after_fork()
        transport.send(ask(server.url), timeout=2)

        assert [False, False] == [each.ended_by_client for each in server.connections]
        for each in transport._orphaned_adapters:
            each.close()


def test_it_is_the_callers(session, transport):
    """Closing the transport leaves the session open, and no total deadline is claimed."""
    with WireServer([Receive(), Send(response()), Receive(), Send(response())]) as server:
        transport.send(ask(server.url), timeout=2)
        transport.close()
        session.get(server.url, timeout=2)

    assert 1 == len(server.connections)
    assert not transport.capabilities.total_deadline


@pytest.mark.parametrize("late", [False, True])
def test_fault_099_a_session_without_verification_is_refused(session, late):
    """99: a session that verifies nothing is no way to send a secret, whenever it is set so."""
    session.verify = late
    with pytest.raises(errors.InvalidSetting) as raised:
        transport = RequestsTransport(session=session)
        session.verify = False
        transport.send(ask("http://127.0.0.1:9/"), timeout=1)

    assert "config.insecure_tls" == raised.value.code


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"HTTP/1.1 401 Unauth", "transport.incomplete_body"),
        (b"HTTP/1.1 200 OK\r\nContent-", "transport.incomplete_body"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204),
        (b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", 401),
        (b"HTTP/1.1 200 OK\r\n\r\n{}", 200),
    ],
)
def test_fault_421_half_a_header_is_no_response(transport, sent, expected):
    """421: what ends where its header may not have ended is not taken for a whole response."""
    with WireServer([Receive(), Send(sent)]) as server:
        try:
            got = transport.send(ask(server.url), timeout=5).status
        except errors.ConnectionFailed as error:
            got = error.code

    assert expected == got
