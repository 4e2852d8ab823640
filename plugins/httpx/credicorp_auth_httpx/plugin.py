"""Entry point of the transport `httpx`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Transport
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API: Final = 1


@hookimpl
def credicorp_transport(options: AdapterOptions) -> Transport:  # noqa: D103 # documented by the hookspec
    from credicorp_auth_httpx.transport import HttpxTransport, TransportOptions  # noqa: PLC0415 # imported only if chosen

    return HttpxTransport(options.read(TransportOptions))
