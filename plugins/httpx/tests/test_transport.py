"""The contract of a transport over httpx and over httpx2."""

from __future__ import annotations

import socket

import httpcore
import pytest

import credicorp_auth_httpx
from credicorp_auth.plugin.api import Transport
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth.wire.exchange import Exchange, current
from credicorp_auth.wire.sockets import DeadlineSocket
from credicorp_auth_httpx import HttpxTransport, TransportOptions, plugin, plugin_httpx2
from credicorp_auth_httpx.backend import DeadlineStream
from credicorp_auth_testing.contracts.transport import TransportContract

pytestmark = pytest.mark.slow


class TestHttpxTransport(TransportContract):
    """117: over httpx."""

    def build_transport(self, **options):
        return HttpxTransport(TransportOptions(**options))


class TestHttpx2Transport(TransportContract):
    """117: over httpx2."""

    def build_transport(self, **options):
        return HttpxTransport(TransportOptions(**options), library="httpx2")


@pytest.mark.parametrize("module", [plugin, plugin_httpx2])
def test_the_hooks_build_the_transports(module):
    """Each plugin makes of its options a transport."""
    options = AdapterOptions({"connect_timeout": "1.5"}, setting="transport_options")
    made = module.credicorp_transport(options)
    made.close()

    assert 1 == module.CREDICORP_API
    assert isinstance(made, Transport)


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else."""
    for name in credicorp_auth_httpx.__all__:
        assert name == getattr(credicorp_auth_httpx, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_httpx.elsewhere  # noqa: B018 # the access is the test


@pytest.mark.parametrize(
    ("peer_is_there", "error"), [(False, httpcore.WriteError), (True, TimeoutError)]
)
def test_a_request_that_cannot_be_written(peer_is_there, error):
    """After a WriteError httpcore still reads the response; the deadline ends the exchange."""
    ours, peer = socket.socketpair()
    with ours, peer:
        if not peer_is_there:
            peer.close()
        exchange = current.set(Exchange(0.2, connect_timeout=1))
        try:
            with pytest.raises(error):
                DeadlineStream(DeadlineSocket(ours), httpcore).write(bytes(2**24))
        finally:
            current.reset(exchange)
