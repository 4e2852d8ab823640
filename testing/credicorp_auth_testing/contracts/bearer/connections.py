"""Tests of what a request leaves behind: connections, threads, and the caller's headers."""

from __future__ import annotations

from typing import Any, Final

import pytest
from attrs import frozen

from credicorp_auth_testing.contracts.bearer.harness import (
    INVALID_TOKEN,
    REFUSED,
    BearerHarness,
    redirect,
    serving,
)
from credicorp_auth_testing.contracts.descriptors import none_left_open
from credicorp_auth_testing.contracts.threads import assert_no_threads_pile_up
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.wire import Receive, Step, WireConnection, WireServer, response

_DONE: Final = response(b"done")
_LARGE: Final = 1024 * 1024


@frozen
class _SendUnless:
    """
    A step that sends a response, or `_DONE` if the last request contains a text.

    Args:
        text: The text.
        response: The response.
    """

    text: bytes
    response: bytes

    def play(self, connection: WireConnection) -> None:
        last = connection.received[connection.received.rindex(b"GET ") :]
        connection.socket.sendall(_DONE if self.text in last else self.response)


class ConnectionTests(BearerHarness):
    """Tests of what a request leaves behind: connections, threads, and the caller's headers."""

    @pytest.mark.parametrize("size", [7, _LARGE])
    def test_the_connection_of_a_401_is_in_order(self, send: Any, size: int) -> None:
        """The repetition gets its own response, on that connection or on a new one."""
        refused = _refusal(b"x" * size)

        assert 2 >= _count_connections(send, b"Bearer token-2", refused)

    def test_the_connection_of_a_short_401_is_used_again(self, send: Any) -> None:
        """If a client follows a redirect on the same connection, it does that after a 401, too."""
        after_401 = _count_connections(send, b"Bearer token-2", _refusal(b"refused"))

        assert after_401 == _count_connections(send, b"GET /next", redirect("/next"))

    @pytest.mark.parametrize("kind", ["done", "refused", "redirected"])
    def test_the_callers_headers_are_not_changed(self, send: Any, kind: str) -> None:
        """The headers that a caller passes are the same after the request."""
        headers = {"X-Request-Id": "7", "authorization": "Basic b3duOm93bg=="}
        with WireServer(*serving(_DONE)) as elsewhere:
            first = {"done": [], "refused": [REFUSED], "redirected": [redirect(elsewhere.url)]}
            with WireServer(*serving(*first[kind], _DONE)) as server:
                assert (200, b"done") == send(server, headers=headers)

        assert {"X-Request-Id": "7", "authorization": "Basic b3duOm93bg=="} == headers

    def test_threads_do_not_pile_up(self, send: Any) -> None:
        """Requests leave at most one thread behind, however many they are."""

        def use() -> None:
            with WireServer(*serving(REFUSED, _DONE)) as server:
                assert (200, b"done") == send(server)

        assert_no_threads_pile_up(use)


def _refusal(body: bytes) -> bytes:
    return response(body, status="401 Unauthorized", headers=[INVALID_TOKEN])


def _count_connections(send: Any, text: bytes, unless: bytes) -> int:
    """Send a request whose first response leads to a second; return the number of connections."""
    turn: list[Step] = [Receive(), _SendUnless(text, unless)]
    with WireServer(turn * 2) as server:
        with none_left_open():
            assert (200, b"done") == send(server)
            wait_idle()
        assert 2 == sum(each.received.count(b"GET ") for each in server.connections)
        return len(server.connections)
