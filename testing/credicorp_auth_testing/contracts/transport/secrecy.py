"""Tests of what a transport keeps and shows, and of requests at once: faults 463, 464 and 465."""

from __future__ import annotations

import gc
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from threading import Barrier, BrokenBarrierError

import pytest
from attrs import field, frozen

from credicorp_auth.plugin.api import Transport
from credicorp_auth_testing.contracts.reach import texts_of
from credicorp_auth_testing.contracts.records import listening_to_everything
from credicorp_auth_testing.contracts.transport.harness import TransportHarness, ask, refusal
from credicorp_auth_testing.wire import (
    Hold,
    Receive,
    Send,
    WireConnection,
    WireServer,
    response,
)

_TOKEN = b'{"access_token":"token-canary","token_type":"Bearer"}'
_SECRETS = ("canary", "c2VjcmV0LWNhbmFyeQ")  # of body and response, and of the header


@frozen
class _Meet:
    """A step that waits until as many connections have come to it as are expected."""

    connections: Barrier = field()

    def play(self, connection: WireConnection) -> None:  # noqa: ARG002 - of the port
        """Wait for the others."""
        with suppress(BrokenBarrierError):  # then the requests did not come at once
            self.connections.wait(4)


class SecrecyTests(TransportHarness):
    """Tests of what a transport keeps and shows, and of requests at once."""

    def test_fault_463_logs_hold_nothing(
        self, transport: Transport, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """With the root logger at DEBUG, no credential and no token is logged or printed."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            unused = listener.getsockname()[1]
        with listening_to_everything() as said:
            with WireServer([Receive(), Send(response(_TOKEN))]) as server:
                assert _TOKEN == transport.send(ask(server.url), timeout=5).body.reveal()
            refusal(transport, ask(f"http://127.0.0.1:{unused}/token"))
            gc.collect()  # emits the warnings of finalizers now
        shown = "".join([*said, *capfd.readouterr()])

        assert [] == [each for each in _SECRETS if each in shown]

    def test_fault_464_nothing_is_kept(self, transport: Transport) -> None:
        """After a request, the transport leads to no credential and to no token, opaque or not."""
        with WireServer([Receive(), Send(response(_TOKEN)), Receive(), Hold()]) as server:
            transport.send(ask(server.url), timeout=5)
            after_success = "".join(texts_of(transport))
            refusal(transport, ask(server.url), timeout=0.2)
            after_failure = "".join(texts_of(transport))

        for kept in (after_success, after_failure):
            assert [] == [each for each in _SECRETS if each in kept]

    @pytest.mark.parametrize("servers", [1, 2])
    def test_fault_465_requests_at_once(self, transport: Transport, servers: int) -> None:
        """A request does not wait for that of another thread, to the same server or another."""
        meet = _Meet(Barrier(2))
        with ExitStack() as opened, ThreadPoolExecutor(2) as threads:
            urls = [
                opened.enter_context(WireServer([Receive(), meet, Send(response())])).url
                for _ in range(servers)
            ]
            requests = [
                threads.submit(transport.send, ask((urls * 2)[number]), timeout=10)
                for number in range(2)
            ]
            assert [200, 200] == [each.result().status for each in requests]

        assert not meet.connections.broken
