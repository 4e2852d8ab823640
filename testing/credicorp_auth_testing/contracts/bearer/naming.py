"""Tests of host and credentials from sources other than the URL's host: faults 102, 114, 362."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_testing.contracts.bearer.harness import (
    BearerHarness,
    redirect,
    serving,
    tokens_at,
)
from credicorp_auth_testing.wire import WireServer, response


class NamingTests(BearerHarness):
    """Tests of host and credentials from sources other than the URL's host."""

    @pytest.mark.parametrize("name", ["Host", "host"])
    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1", "127.0.0.1:{port}/x", "127.0.0.1:{port}, evil", ""]
    )
    def test_fault_362_a_host_header_is_an_origin_of_its_own(
        self, send: Any, name: str, host: str
    ) -> None:
        """A request whose Host header names an origin that is not allowed is not sent."""
        with WireServer(*serving(response())) as server:
            with pytest.raises(errors.OriginNotAllowed):
                send(server, headers={name: host.format(port=server.port)})

            assert [] == server.connections

    def test_fault_362_a_host_header_that_says_what_the_address_says(self, send: Any) -> None:
        """A Host header that names the host of the URL has no effect."""
        with WireServer(*serving(response())) as server:
            assert 200 == send(server, headers={"Host": f"127.0.0.1:{server.port}"}).status

        assert [["Bearer token-1"]] == tokens_at(server)

    def test_fault_362_a_host_header_of_an_allowed_origin(
        self, auth_for: Callable[..., CredicorpAuth], send: Any
    ) -> None:
        """If both origins are allowed, the request and its same-origin hops carry the token."""
        with WireServer() as server:
            server.scripts = serving(redirect("/second"), response())
            host = f"localhost:{server.port}"
            auth_for(server, allowed_origins=[server.url.rstrip("/"), f"http://{host}"])
            assert 200 == send(server, headers={"Host": host}).status

        assert [["Bearer token-1"]] * 2 == tokens_at(server)

    def test_fault_114_credentials_in_the_address_are_not_sent(self, send: Any) -> None:
        """User and password in the URL do not create a second header."""
        with WireServer(*serving(response())) as server:
            send(server, url=f"http://user:word@127.0.0.1:{server.port}/")

        assert [["Bearer token-1"]] == tokens_at(server)

    def test_fault_102_an_entry_in_netrc_is_not_sent(
        self, send: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An entry for the host in the caller's netrc is ignored, also after a redirect."""
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login somebody password else\n")
        netrc.chmod(0o600)
        monkeypatch.setenv("NETRC", str(netrc))
        with WireServer(*serving(redirect("/second"), response())) as server:
            send(server)

        assert [["Bearer token-1"]] * 2 == tokens_at(server)

    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
    def test_fault_114_no_header_makes_a_second_one(self, send: Any, end: str) -> None:
        """The client rejects a value with a line break, or does not create another header."""
        with WireServer(*serving(response())) as server, suppress(Exception):
            send(server, headers={"X-Own": f"1{end}Authorization: Basic eDp5"})

        assert [] == [each for each in tokens_at(server) if each != ["Bearer token-1"]]
