"""What credicorp-auth finds under the transport name `httpx2`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Transport
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API: Final = 1


@hookimpl
def credicorp_transport(options: AdapterOptions) -> Transport:  # noqa: D103 # told by the hookspec
    from credicorp_auth_httpx.transport import HttpxTransport, TransportOptions  # noqa: PLC0415 # when it is chosen

    return HttpxTransport(options.read(TransportOptions), library="httpx2")
