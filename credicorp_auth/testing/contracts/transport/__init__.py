"""The contract of a transport: what every one of them makes of the same faults."""

from __future__ import annotations

from credicorp_auth.testing.contracts.transport.answering import Answering
from credicorp_auth.testing.contracts.transport.behaving import Behaving
from credicorp_auth.testing.contracts.transport.connecting import Connecting
from credicorp_auth.testing.contracts.transport.losing import Losing
from credicorp_auth.testing.contracts.transport.proxied import Proxied
from credicorp_auth.testing.contracts.transport.trusting import Trusting

__all__ = ["TransportContract"]


class TransportContract(Answering, Behaving, Connecting, Losing, Proxied, Trusting):
    """
    Fault 117: every transport gives the same error code for the same fault.

        class TestMyTransport(TransportContract):
            def build_transport(self, **options):
                return MyTransport(**options)

    It needs pytest and trustme (`pip install credicorp-auth[testing]`), and uses servers and an
    authority of its own on loopback. Where the transport declares no `total_deadline`, what takes
    one is skipped.

    .. versionadded:: 1.0.0
    """
