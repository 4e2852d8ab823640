"""The contract of a transport over urllib3, and what is its own."""

from __future__ import annotations

import http.client
from importlib import metadata
from threading import Barrier, Thread

import pytest
import trustme

import credicorp_auth_urllib3
from credicorp_auth.plugin.api import Transport, TransportCapabilities
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_testing.contracts.transport import TransportContract
from credicorp_auth_testing.contracts.transport.harness import ask
from credicorp_auth_testing.wire import Hold, Receive, Send, WireServer, response
from credicorp_auth_urllib3 import TransportOptions, Urllib3Transport, plugin

pytestmark = pytest.mark.slow


class TestUrllib3Transport(TransportContract):
    """117: over urllib3."""

    def build_transport(self, **options):
        return Urllib3Transport(TransportOptions(**options))


@pytest.fixture
def transport():
    made = Urllib3Transport()
    yield made
    made.close()


def test_it_says_who_is_asking(transport):
    """Product and version go with each request."""
    with WireServer([Receive(), Send(response())]) as server:
        transport.send(ask(server.url), timeout=5)
    version = metadata.version("credicorp-auth")

    assert f"User-Agent: credicorp-auth/{version}\r\n".encode() in server.connections[0].received


def test_fault_311_http_client_prints_nothing(
    transport,
    monkeypatch,
    capsys,
):
    """The debug switch of http.client, which prints credentials, does not reach our connections."""
    before = http.client.HTTPConnection.debuglevel
    http.client.HTTPConnection.debuglevel = 1
    try:
        with WireServer([Receive(), Send(response())]) as server:
            transport.send(ask(server.url), timeout=5)
    finally:
        http.client.HTTPConnection.debuglevel = before

    assert ("", "") == capsys.readouterr()


def test_after_fork_starts_without_connections(transport):
    """The connections of before are kept from use, and from being closed."""
    with WireServer([Receive(), Send(response()), Hold()]) as server:
        transport.send(ask(server.url), timeout=5)
        transport.after_fork()
        transport.send(ask(server.url), timeout=5)

        assert [False, False] == [each.ended_by_client for each in server.connections]
        transport._orphans.clear()


def test_connections_beyond_the_bound_are_closed(transport):
    """Of many connections used at once, a few are kept."""
    together = Barrier(6)

    class Meet:
        def play(self, _connection):
            together.wait(5)

    with WireServer([Receive(), Meet(), Send(response()), Hold()]) as server:
        threads = [
            Thread(target=transport.send, args=(ask(server.url),), kwargs={"timeout": 5})
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        idle = [
            pool.pool
            for pools in transport._line.current().stack._pools._managers.values()
            for pool in [pools.pools[key] for key in pools.pools.keys()]  # noqa: SIM118 - no mapping
        ]

        assert [4] == [len(each._idle) for each in idle]


def test_the_hook_builds_the_transport(tmp_path):
    """The plugin makes of its options, strings from the environment too, a transport."""
    ca_file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca_file))
    made = plugin.credicorp_transport(
        AdapterOptions(
            {"ca_file": str(ca_file), "connect_timeout": "1.5"}, setting="transport_options"
        )
    )

    assert 1 == plugin.CREDICORP_API
    assert isinstance(made, Transport)
    assert TransportCapabilities(total_deadline=True) == made.capabilities


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else."""
    for name in credicorp_auth_urllib3.__all__:
        assert name == getattr(credicorp_auth_urllib3, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_urllib3.elsewhere  # noqa: B018 # the access is the test
