"""Tests of requests that already have an `Authorization` header: faults 113, 114, 360, 361."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from credicorp_auth import CredicorpAuth, Event, errors
from credicorp_auth.bearer.existing_header import Existing
from credicorp_auth_testing.contracts import not_offered
from credicorp_auth_testing.contracts.bearer.harness import (
    REFUSED,
    BearerHarness,
    Got,
    redirect,
    requests_to,
    serving,
    tokens_at,
)
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.wire import WireServer, response

OWN = "Basic b3duOm93bg=="
NAMES = ["Authorization", "authorization", "AUTHORIZATION"]
CHOICES: list[Existing] = ["replace", "keep", "refuse"]


def replaced(events: list[Event]) -> list[Event]:
    """Return the events about a replaced header."""
    return [each for each in events if each.name == "bearer.header_replaced"]


class ExistingHeaderTests(BearerHarness):
    """Tests of requests that already have an `Authorization` header."""

    @pytest.mark.parametrize("name", NAMES)
    def test_fault_113_114_the_token_replaces_a_header_of_the_caller(
        self, send: Any, events: list[Event], name: str
    ) -> None:
        """The library's header replaces the caller's, whose value is not in the event."""
        with WireServer(*serving(response())) as server:
            assert 200 == send(server, headers={name: OWN}).status

        assert [["Bearer token-1"]] == tokens_at(server)
        assert 1 == len(replaced(events))
        assert OWN not in str(replaced(events)[0])

    def test_fault_114_two_spellings_make_one_header(self, send: Any) -> None:
        """A client that accepts two spellings of the header name sends the token's header only."""
        with WireServer(*serving(response())) as server:
            send(server, headers=dict.fromkeys(NAMES, OWN))

        assert [["Bearer token-1"]] == tokens_at(server)

    def test_fault_113_defaults_of_the_client_are_replaced(
        self, auth_for: Callable[..., CredicorpAuth]
    ) -> None:
        """A default header of the client is replaced as well."""
        with WireServer(*serving(response())) as server:
            self.request_with_defaults(
                auth_for(server), server.url, headers={"authorization": OWN}, existing="replace"
            )

        assert [["Bearer token-1"]] == tokens_at(server)

    def test_fault_113_defaults_of_the_client_are_kept(
        self, auth_for: Callable[..., CredicorpAuth], transport: ScriptedTransport
    ) -> None:
        """With `keep`, a default header of the client is kept as well."""
        with WireServer(*serving(response())) as server:
            self.request_with_defaults(
                auth_for(server), server.url, headers={"authorization": OWN}, existing="keep"
            )

        assert [[OWN]] == tokens_at(server)
        assert [] == transport.sent

    @pytest.mark.parametrize("name", NAMES)
    def test_fault_113_a_kept_header_has_its_own_401(
        self, send: Any, transport: ScriptedTransport, name: str
    ) -> None:
        """With `keep`, the request is sent unchanged, and its 401 goes to the caller."""
        with WireServer(*serving(REFUSED)) as server:
            got = send(server, headers={name: OWN}, existing="keep")

        assert (401, b"refused") == got
        assert [[OWN]] == tokens_at(server)
        assert [] == transport.sent

    @pytest.mark.parametrize("existing", CHOICES)
    def test_a_request_without_a_header_carries_the_token(
        self, send: Any, events: list[Event], existing: Existing
    ) -> None:
        """The option has no effect on a request without an Authorization header."""
        with WireServer(*serving(REFUSED, response())) as server:
            assert 200 == send(server, existing=existing).status

        assert [["Bearer token-1"], ["Bearer token-2"]] == tokens_at(server)
        assert [] == replaced(events)

    def test_fault_113_refused_requests_are_not_sent(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """With `refuse`, a request with an Authorization header raises, and nothing is sent."""
        with WireServer(*serving(response())) as server:
            with pytest.raises(errors.HeaderExists) as raised:
                send(server, headers={"authorization": OWN}, existing="refuse")

            assert [] == server.connections
        assert "bearer.header_exists" == raised.value.code
        assert OWN not in str(raised.value)
        assert [] == transport.sent

    @pytest.mark.parametrize("headers", [{}, {"Authorization": OWN}])
    def test_fault_111_a_start_elsewhere_raises_with_a_header_of_the_caller_or_without(
        self, send: Any, headers: dict[str, str]
    ) -> None:
        """A request to an origin that is not allowed is not sent: it would carry the token."""
        with WireServer(*serving(response())) as home, WireServer(*serving(response())) as other:
            with pytest.raises(errors.OriginNotAllowed):
                send(home, url=other.url, headers=headers)

            assert [] == other.connections

    @pytest.mark.parametrize("status", [303, 307])
    def test_fault_360_a_hop_home_has_no_token_if_the_request_began_without_one(
        self, send: Any, transport: ScriptedTransport, status: int
    ) -> None:
        """If a foreign server redirects a kept request to our API, that hop carries no token."""
        with WireServer() as home, WireServer() as foreign:
            home.scripts = serving(REFUSED)
            foreign.scripts = serving(redirect(f"{home.url}payments", status))
            got = send(
                home,
                "POST",
                foreign.url,
                headers={"Authorization": OWN},
                body=b"amount=1",
                existing="keep",
            )

        assert 401 == got.status
        assert [] == [each for each in requests_to(home) if b"bearer" in each.lower()]
        assert [] == transport.sent

    def test_fault_360_a_kept_request_is_followed_to_another_origin(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """The client follows a kept request to another origin as it follows any other."""
        with WireServer() as home, WireServer() as foreign:
            home.scripts = serving(redirect(foreign.url), REFUSED)
            foreign.scripts = serving(redirect(home.url))
            assert 401 == send(home, headers={"Authorization": OWN}, existing="keep").status

        assert [OWN] == tokens_at(home)[0]
        assert "token-1" not in str([tokens_at(home), tokens_at(foreign)])
        assert [] == transport.sent

    @pytest.mark.parametrize("existing", CHOICES)
    def test_fault_361_a_request_sent_again_has_the_token_of_the_day(
        self,
        auth_for: Callable[..., CredicorpAuth],
        events: list[Event],
        existing: Existing,
    ) -> None:
        """When resent, the library's own header is replaced: not kept, refused or reported."""
        with WireServer(*serving(response(b"1"), response(b"2"))) as server:
            auth = auth_for(server)
            got = self._send_again(auth, server.url, existing)

        assert [(200, b"1"), (200, b"2")] == got
        assert [["Bearer token-1"], ["Bearer token-2"]] == tokens_at(server)
        assert [] == replaced(events)

    def test_fault_361_a_request_sent_again_is_repeated_again(
        self, auth_for: Callable[..., CredicorpAuth]
    ) -> None:
        """A request that was repeated after a 401 is repeated again when it is resent."""
        with WireServer(*serving(REFUSED, response(b"1"), REFUSED, response(b"2"))) as server:
            got = self._send_again(auth_for(server), server.url, "replace", lambda: None)

        assert [(200, b"1"), (200, b"2")] == got
        assert [1, 2, 2, 3] == [int(each[0][-1:]) for each in tokens_at(server)]

    def test_fault_361_a_request_sent_again_after_a_foreign_hop_has_its_token(
        self, auth_for: Callable[..., CredicorpAuth]
    ) -> None:
        """Only the hop to a foreign origin lacks the token; a resent request carries it again."""
        with WireServer() as home, WireServer() as foreign:
            home.scripts = serving(redirect(foreign.url), response(b"2"))
            foreign.scripts = serving(response(b"1"))
            got = self._send_again(auth_for(home), home.url, "replace", lambda: None)

        assert [(200, b"1"), (200, b"2")] == got
        assert [["Bearer token-1"]] * 2 == tokens_at(home)
        assert [[]] == tokens_at(foreign)

    def _send_again(
        self,
        auth: CredicorpAuth,
        url: str,
        existing: Existing,
        between: Callable[[], object] | None = None,
    ) -> list[Got]:
        def forget() -> None:
            auth.invalidate(auth.get_token())
            wait_idle()

        try:
            return self.send_again(auth, url, between or forget, existing=existing)
        except NotImplementedError:
            not_offered("its client has no request that can be sent again")
