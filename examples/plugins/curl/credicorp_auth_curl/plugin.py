"""Entry point of the transport `curl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Transport
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API = 1


@hookimpl
def credicorp_transport(options: AdapterOptions) -> Transport:
    """Build the transport; heavy imports happen here, only if it is chosen."""
    from credicorp_auth_curl.transport import CurlTransport, Options  # noqa: PLC0415 - imported only if chosen

    return CurlTransport(options.read(Options))
