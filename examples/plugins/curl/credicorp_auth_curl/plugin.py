"""What credicorp-auth finds under the transport name `curl`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Transport
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API = 1


@hookimpl
def credicorp_transport(options: AdapterOptions) -> Transport:
    """Build the transport; what is heavy is imported here, when it is chosen."""
    from credicorp_auth_curl.transport import CurlTransport, Options  # noqa: PLC0415 - when it is chosen

    return CurlTransport(options.read(Options))
