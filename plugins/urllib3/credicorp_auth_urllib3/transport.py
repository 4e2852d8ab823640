"""Transport for requests to the authorization server, over urllib3."""

from __future__ import annotations

from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.tls import build_trust
from credicorp_auth.wire.transport import SocketTransport
from credicorp_auth.wire.urllib3_stack import Urllib3Stack

__all__ = ["TransportOptions", "Urllib3Transport"]


class Urllib3Transport(SocketTransport):
    """
    A transport on urllib3, the default one.

    Args:
        options: The options; by default, the default of each.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: TransportOptions | None = None) -> None:
        options = options or TransportOptions()
        super().__init__(lambda: Urllib3Stack(build_trust(options.tls_files())), options)
