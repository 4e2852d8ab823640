"""Tests of the requests that carry the token, and of those that do not: faults 107, 111, 325."""

from __future__ import annotations

from typing import Any

import pytest

from credicorp_auth.errors import (
    ConnectionFailed,
    InvalidScope,
    OriginNotAllowed,
)
from credicorp_auth_testing.contracts.bearer.harness import (
    REFUSED,
    BearerHarness,
    redirect,
    serving,
    tokens_at,
)
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.scripted_runtime import response as refusal
from credicorp_auth_testing.wire import WireServer, response


class HeaderTests(BearerHarness):
    """Tests of the requests that carry the token, and of those that do not."""

    def test_a_request_carries_the_token(self, send: Any, transport: ScriptedTransport) -> None:
        """One Authorization header is sent, and the next request carries the same token."""
        with WireServer(*serving(response(b"1"), response(b"2"))) as server:
            assert [(200, b"1"), (200, b"2")] == [send(server), send(server)]

        assert [["Bearer token-1"]] * 2 == tokens_at(server)
        assert 1 == len(transport.sent)

    def test_a_request_may_name_its_scope(self, send: Any) -> None:
        """A request for another scope carries another token."""
        with WireServer(*serving(response(), response(), response())) as server:
            send(server)
            send(server, scope="decisions:read")
            send(server)

        assert [["Bearer token-1"], ["Bearer token-2"], ["Bearer token-1"]] == tokens_at(server)

    def test_fault_111_an_origin_outside_gets_nothing(self, send: Any) -> None:
        """A request to an origin that is not allowed is refused before a connection is made."""
        with WireServer(*serving(response())) as home, WireServer(*serving(response())) as other:
            with pytest.raises(OriginNotAllowed):
                send(home, url=other.url)

            assert [] == other.connections

    @pytest.mark.parametrize(
        ("given", "raised"),
        [
            (refusal(400, error="invalid_scope"), InvalidScope),
            (ConnectionFailed("gone", retryable=False), ConnectionFailed),
        ],
    )
    def test_without_a_token_nothing_is_sent(
        self, send: Any, transport: ScriptedTransport, given: Any, raised: type[Exception]
    ) -> None:
        """Without a token, the request is not sent."""
        transport.responses.append(given)
        with WireServer(*serving(response())) as server:
            with pytest.raises(raised):
                send(server)

            assert [] == server.connections

    def test_fault_107_325_a_foreign_hop_has_no_token(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """A redirect to another origin is followed without the token, and so is a redirect back."""
        with WireServer() as home, WireServer() as foreign:
            home.scripts = serving(redirect(foreign.url), REFUSED)
            foreign.scripts = serving(redirect(home.url))
            got = send(home)

        assert 401 == got.status
        assert [["Bearer token-1"], []] == tokens_at(home)
        assert [[]] == tokens_at(foreign)
        assert 1 == len(transport.sent)

    def test_a_401_of_a_foreign_origin_says_nothing_of_the_token(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """A 401 to a request without the token does not cause a mint."""
        with WireServer() as home, WireServer(*serving(REFUSED)) as foreign:
            home.scripts = serving(redirect(foreign.url), response(b"still good"))
            assert 401 == send(home, "POST", body=b"x").status
            assert (200, b"still good") == send(home)

        assert [["Bearer token-1"]] * 2 == tokens_at(home)
        assert 1 == len(transport.sent)
