"""Test of the tests: the bench of the transports notices what it is there to notice."""

from __future__ import annotations

import pytest

from credicorp_auth.errors import ConnectionFailed
from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth_testing.contracts.transport.harness import ask, needs_total_deadline, refusal


class Unhurried:
    """A transport that may be late."""

    capabilities = TransportCapabilities(total_deadline=False)


class Envelope:
    """Something whose looks do not tell what is in it."""

    def __init__(self, letter):
        self.letter = letter


class Leaking:
    """A transport that fails with the request's body within reach of a local variable."""

    def send(self, request, *, timeout):
        held = Envelope(request.body.reveal())
        raise ConnectionFailed(f"{held} was not sent within {timeout} s")


class Tight:
    """A transport that fails and holds nothing."""

    def send(self, request, *, timeout):
        held = SecretBytes(request.body.reveal())
        raise ConnectionFailed(f"{held} was not sent within {timeout} s")


def test_a_transport_without_a_total_deadline_skips_what_drips():
    """What takes a total deadline is skipped, with the reason, where none is declared."""
    with pytest.raises(pytest.skip.Exception, match="declares no total deadline"):
        needs_total_deadline(Unhurried())


def test_a_body_left_in_a_frame_is_found():
    """An error that leads to a frame with the request's body fails the contract."""
    with pytest.raises(AssertionError):
        refusal(Leaking(), ask("http://127.0.0.1:1/"))


def test_an_opaque_body_in_a_frame_is_no_leak():
    """An error whose frames hold opaque values passes."""
    assert "transport.connect" == refusal(Tight(), ask("http://127.0.0.1:1/")).code
