"""Tests of requests on the wire, and of ignored responses: faults 37, 38, 75, 102 and 291."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from credicorp_auth.http.messages import HttpRequest
from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.children import in_child
from credicorp_auth_testing.contracts.threads import assert_no_threads_pile_up
from credicorp_auth_testing.contracts.transport.harness import TransportHarness, ask
from credicorp_auth_testing.wire import Hold, Receive, Send, Step, WireServer, response


class BehaviourTests(TransportHarness):
    """Tests of requests on the wire, and of ignored responses: faults 37, 38, 75, 102 and 291."""

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_fault_037_redirects_are_responses(self, transport: Transport, status: int) -> None:
        """A redirect is returned as it came, and its target gets no request."""
        with WireServer([Hold()]) as other:
            redirect = response(status=f"{status} Elsewhere", headers=[("Location", other.url)])
            with WireServer([Receive(), Send(redirect)]) as server:
                got = transport.send(ask(server.url), timeout=5)

        assert (status, other.url) == (got.status, got.header("location"))
        assert [] == other.connections

    def test_fault_038_nor_followed_on_the_same_host(self, transport: Transport) -> None:
        """A redirect is not followed to another path, or down to http."""
        redirect = response(status="307 Elsewhere", headers=[("Location", "/other")])
        with WireServer([Receive(), Send(redirect), Hold()]) as server:
            assert 307 == transport.send(ask(server.url), timeout=5).status

        assert 1 == server.connections[0].received.count(b"POST ")

    def test_fault_075_cookies_are_dropped(self, transport: Transport) -> None:
        """A cookie that a server sets is not sent back."""
        setting = response(headers=[("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")])
        with WireServer([Receive(), Send(setting), Receive(), Send(response())]) as server:
            first = transport.send(ask(server.url), timeout=5)
            transport.send(ask(server.url), timeout=5)

        assert ["a=b", "c=d"] == first.header_values("set-cookie")
        assert b"cookie" not in server.connections[0].received.lower()

    def test_fault_102_no_netrc(
        self, transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The request's own Authorization header is sent, and a netrc is ignored."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        with WireServer([Receive(), Send(response())]) as server:
            transport.send(ask(server.url), timeout=5)

        assert 1 == server.connections[0].received.lower().count(b"authorization:")
        assert (
            b"\r\nAuthorization: Basic c2VjcmV0LWNhbmFyeQ==\r\n" in server.connections[0].received
        )

    def test_fault_324_the_request_is_sent_as_it_was_built(self, transport: Transport) -> None:
        """Method, target, headers and body arrive, each header once; no header reveals more."""
        with WireServer([Receive(), Send(response())]) as server:
            transport.send(ask(f"{server.url}?a=b", **{"X-Request-Id": "7"}), timeout=5)
        head, _, body = server.connections[0].received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")

        assert "POST /token?a=b HTTP/1.1" == lines[0]
        assert b"client_secret=secret-canary" == body
        assert {
            f"Host: 127.0.0.1:{server.port}",
            "Accept-Encoding: identity",
            "X-Request-Id: 7",
            "Authorization: Basic c2VjcmV0LWNhbmFyeQ==",
            "Content-Length: 27",
        } <= set(lines[1:])
        names = [each.partition(":")[0].lower() for each in lines[1:]]
        agents = [
            each.partition(": ")[2] for each in lines[1:] if each[:11].lower() == "user-agent:"
        ]
        assert len(names) == len(set(names))
        assert set() == {"cookie", "referer", "from", "origin"} & set(names)
        assert all(re.fullmatch(r"[\w.-]+/[\w.+-]+", agent) for agent in agents)

    def test_a_user_agent_of_the_request_stays(self, transport: Transport) -> None:
        """A User-Agent header of the request is sent unchanged."""
        with WireServer([Receive(), Send(response())]) as server:
            transport.send(ask(server.url, **{"user-agent": "own/1"}), timeout=5)
        received = server.connections[0].received.lower()

        assert (1, 1) == (received.count(b"user-agent:"), received.count(b"user-agent: own/1\r\n"))

    def test_an_unusual_request_without_body(self, transport: Transport) -> None:
        """A GET has no body and no length."""
        with WireServer([Receive(), Send(response(b"keys"))]) as server:
            got = transport.send(HttpRequest("GET", server.url, {}), timeout=5)

        assert b"keys" == got.body.reveal()
        assert b"content-length" not in server.connections[0].received.lower()

    def test_fault_291_a_child_uses_connections_of_its_own(self, transport: Transport) -> None:
        """After a fork, the child does not use the parent's connection, which the parent keeps."""
        script: list[Step] = [Receive(), Send(response(b"1")), Receive(), Send(response(b"2"))]
        with WireServer(script) as server:
            transport.send(ask(server.url), timeout=5)

            def work() -> bool:
                transport.after_fork()
                return transport.send(ask(server.url), timeout=5).body.reveal() == b"1"

            assert in_child(work)
            assert b"2" == transport.send(ask(server.url), timeout=5).body.reveal()

        assert 2 == len(server.connections)

    def test_threads_do_not_pile_up(self) -> None:
        """Transports that are built, send and are closed repeatedly leave no threads behind."""

        def use() -> None:
            transport = self.build_transport()
            with WireServer([Receive(), Send(response())]) as server:
                assert 200 == transport.send(ask(server.url), timeout=5).status
                transport.close()

        assert_no_threads_pile_up(use)
