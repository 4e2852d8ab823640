"""Tests of the handling of a 401: faults 109, 110, 112, 364, 366 and 367."""

from __future__ import annotations

from typing import Any

import pytest

from credicorp_auth_testing.contracts.bearer.harness import (
    INVALID_TOKEN,
    REFUSED,
    BearerHarness,
    redirect,
    requests_to,
    serving,
    tokens_at,
)
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_testing.wire import WireServer, response

DONE = response(b"done")
TWICE = [["Bearer token-1"], ["Bearer token-2"]]


class ReplayTests(BearerHarness):
    """Tests of the handling of a 401."""

    @pytest.mark.parametrize("kind", ["bytes", "text", "file", "none"])
    def test_a_401_is_retried_with_a_new_token(self, send: Any, kind: str) -> None:
        """The same request is sent once more, with another token and otherwise unchanged."""
        bodies = {"bytes": b"kept", "text": "kept", "file": self.rewindable(), "none": None}
        headers = {"Idempotency-Key": "7", "Content-Type": "text/plain"}
        with WireServer(*serving(REFUSED, DONE)) as server:
            got = send(server, "POST", headers=headers, body=bodies[kind])

        first, second = requests_to(server)
        assert (200, b"done") == got
        assert TWICE == tokens_at(server)
        assert first.replace(b"token-1", b"token-2").lower() == second.lower()
        assert (kind == "none") != (b"kept" in second)
        assert b"idempotency-key: 7\r\n" in second.lower()

    def test_fault_110_a_body_that_can_be_sent_once(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """It is not sent again; the caller gets the whole 401, and the token is invalidated."""
        with WireServer(*serving(REFUSED, DONE)) as server:
            assert (401, b"refused") == send(server, "POST", body=self.one_shot())
            assert 1 == len(requests_to(server))
            assert (200, b"done") == send(server)

        assert TWICE == tokens_at(server)
        assert 2 == len(transport.sent)

    def test_fault_109_the_second_401_is_the_callers(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """A request is repeated once; the caller gets the response to the repetition."""
        with WireServer(*serving(REFUSED, REFUSED, DONE)) as server:
            assert (401, b"refused") == send(server)

        assert TWICE == tokens_at(server)
        assert 2 == len(transport.sent)

    def test_fault_112_a_403_is_not_repeated(self, send: Any, transport: ScriptedTransport) -> None:
        """A 403 goes to the caller, with any challenge."""
        forbidden = response(b"no", status="403 Forbidden", headers=[INVALID_TOKEN])
        with WireServer(*serving(forbidden, DONE)) as server:
            assert (403, b"no") == send(server)
            assert (200, b"done") == send(server)

        assert [["Bearer token-1"]] * 2 == tokens_at(server)
        assert 1 == len(transport.sent)

    @pytest.mark.parametrize(
        ("challenges", "repeated"),
        [
            ([], True),
            ([""], True),
            (["Bearer"], True),
            (['Bearer realm="a, b", error="invalid_token"'], True),
            (['Basic realm="x", Bearer error="invalid_token"'], True),
            (['Basic realm="x"', 'Bearer error="invalid_token"'], True),
            (['Bearer error="invalid_request"'], True),
            (["Bearer error='invalid_token'"], True),
            (['Basic realm="x"'], True),
            (["Token"], True),
            (['Bearer error="insufficient_scope", scope="a, b"'], False),
            (['Basic realm="x"', 'Bearer error="insufficient_scope"'], False),
        ],
    )
    def test_fault_364_any_challenge_but_for_want_of_scope(
        self, send: Any, challenges: list[str], repeated: bool
    ) -> None:
        """Any 401 to our token causes one retry, unless the challenge is `insufficient_scope`."""
        headers = [("WWW-Authenticate", each) for each in challenges]
        refused = response(b"no", status="401 Unauthorized", headers=headers)
        with WireServer(*serving(refused, DONE)) as server:
            assert ((200, b"done") if repeated else (401, b"no")) == send(server)

    def test_fault_366_the_response_to_the_repetition_is_reported(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """Since the new token was accepted, the next 401 causes another mint at once."""
        with WireServer(*serving(REFUSED, DONE, REFUSED, DONE)) as server:
            assert [(200, b"done")] * 2 == [send(server), send(server)]

        assert 3 == len(transport.sent)

    def test_fault_366_a_refused_repetition_is_reported(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """Since the new token was rejected as well, the next 401 does not cause another mint."""
        with WireServer(*serving(REFUSED, REFUSED, REFUSED, DONE)) as server:
            assert [(401, b"refused")] * 2 == [send(server), send(server)]

        assert 2 == len(transport.sent)

    def test_fault_367_a_redirect_of_the_repetition_is_no_success(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """A repetition that is redirected to another 401 does not count as a success."""
        script = [REFUSED, redirect("/second"), REFUSED]
        with WireServer(*serving(*script, REFUSED, DONE)) as server:
            assert [401, 401] == [send(server).status, send(server).status]

        assert 2 == len(transport.sent)

    @pytest.mark.parametrize("status", [307, 303])
    def test_a_401_after_a_redirect_repeats_that_hop(self, send: Any, status: int) -> None:
        """A redirect within the origin keeps the token, and a 401 there repeats that hop only."""
        script = [redirect("/second", status), REFUSED, DONE]
        with WireServer(*serving(*script)) as server:
            got = send(server, "POST", body=b"kept")

        method = b"GET" if status == 303 else b"POST"
        assert (200, b"done") == got
        assert [b"POST /token", method + b" /second", method + b" /second"] == [
            each.split(b" HTTP")[0] for each in requests_to(server)
        ]
        assert [["Bearer token-1"], *TWICE] == tokens_at(server)

    def test_a_redirect_after_a_401_keeps_the_new_token(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """If the repetition is redirected within the origin, the next hop carries the new token."""
        with WireServer(*serving(REFUSED, redirect("/second"), DONE)) as server:
            assert (200, b"done") == send(server)

        assert [*TWICE, ["Bearer token-2"]] == tokens_at(server)
        assert 2 == len(transport.sent)

    def test_a_new_token_that_is_there_already_is_used(
        self, send: Any, transport: ScriptedTransport
    ) -> None:
        """The token minted after a 401 is used for later requests."""
        with WireServer(*serving(REFUSED, DONE, DONE)) as server:
            send(server)
            send(server)

        assert [*TWICE, ["Bearer token-2"]] == tokens_at(server)
        assert 2 == len(transport.sent)
