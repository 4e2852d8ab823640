"""Contract of transports: the same error code for the same fault."""

from __future__ import annotations

from credicorp_auth_testing.contracts.transport.behaviour import BehaviourTests
from credicorp_auth_testing.contracts.transport.connection_loss import ConnectionLossTests
from credicorp_auth_testing.contracts.transport.connections import ConnectionTests
from credicorp_auth_testing.contracts.transport.proxies import ProxyTests
from credicorp_auth_testing.contracts.transport.responses import ResponseTests
from credicorp_auth_testing.contracts.transport.secrecy import SecrecyTests
from credicorp_auth_testing.contracts.transport.tls import TlsTests

__all__ = ["TransportContract"]


class TransportContract(
    ResponseTests,
    BehaviourTests,
    ConnectionTests,
    ConnectionLossTests,
    ProxyTests,
    TlsTests,
    SecrecyTests,
):
    """
    Fault 117: every transport gives the same error code for the same fault.

        class TestMyTransport(TransportContract):
            def build_transport(self, **options):
                return MyTransport(**options)

    It uses servers on loopback and a certificate authority of its own. If the transport does not
    declare `total_deadline`, the tests that need it are skipped.

    .. versionadded:: 1.0.0
    """

    contract_version = "2.0"
