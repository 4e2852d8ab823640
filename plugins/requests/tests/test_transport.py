"""The contract of a transport over requests, on a session of its own and on one of the caller's."""

from __future__ import annotations

import pytest

import credicorp_auth_requests
from credicorp_auth.plugin.api import Transport
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_requests import RequestsTransport, TransportOptions, plugin
from credicorp_auth_testing.contracts.transport import TransportContract

pytestmark = pytest.mark.slow


class TestRequestsTransport(TransportContract):
    """117: over requests."""

    def build_transport(self, **options):
        return RequestsTransport(TransportOptions(**options))


def test_the_hook_builds_the_transport():
    """The plugin makes of its options a transport."""
    options = AdapterOptions({"connect_timeout": "1.5"}, setting="transport_options")
    made = plugin.credicorp_transport(options)
    made.close()

    assert isinstance(made, Transport)
    assert made.capabilities.total_deadline


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else."""
    for name in credicorp_auth_requests.__all__:
        assert name == getattr(credicorp_auth_requests, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_requests.elsewhere  # noqa: B018 # the access is the test
