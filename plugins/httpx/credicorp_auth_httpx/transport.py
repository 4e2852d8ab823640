"""Transport for requests to the authorization server, over httpx or httpx2."""

from __future__ import annotations

from http.client import HTTPException
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.response import OpenResponse
from credicorp_auth.wire.tls import build_trust
from credicorp_auth.wire.tls_stream import StreamContext
from credicorp_auth.wire.transport import SocketTransport
from credicorp_auth_httpx.backend import DeadlineBackend
from credicorp_auth_httpx.bridge import build_bridge

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.wire.proxy import Proxy
    from credicorp_auth.wire.tls import Trust

__all__ = ["HttpxTransport", "TransportOptions"]

_IDLE = 4  # idle connections per origin; token requests are rare
_CORES = {"httpx": "httpcore", "httpx2": "httpcore2"}


class _Httpx:
    """HTTP stack of `credicorp_auth.wire` on clients of httpx or httpx2."""

    def __init__(self, library: str, trust: Trust) -> None:
        self._library: Any = import_module(library)
        self._core: Any = import_module(_CORES[library])
        self._trust = trust
        self._clients: dict[Proxy | None, Any] = {}
        core, own = self._core, self._library
        self.refusals = (core.LocalProtocolError, own.InvalidURL, ValueError)
        self.failures = (
            core.TimeoutException,
            core.NetworkError,
            core.ProtocolError,
            core.ProxyError,
            own.HTTPError,
            own.InvalidURL,
            HTTPException,
            OSError,
            ValueError,
        )

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        exchange = current.get()
        proxy = exchange.proxy
        exchange.handshakes = request.url.lower().startswith("https:") + (
            proxy is not None and proxy.url.startswith("https:")
        )
        # Built without the client, so that none of its headers, cookies or timeouts apply.
        sent = self._library.Request(
            request.method, request.url, headers=headers, content=request.wire_body()
        )
        response = self._client(proxy).send(sent, stream=True, auth=None, follow_redirects=False)
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in response.headers.raw
        ]
        return OpenResponse(response.status_code, pairs, response.iter_raw(), response.close)

    def _client(self, proxy: Proxy | None) -> Any:
        client = self._clients.get(proxy)
        return client or self._clients.setdefault(proxy, self._build(proxy))

    def _build(self, proxy: Proxy | None) -> Any:
        common = {
            "ssl_context": StreamContext(lambda: self._trust.context),
            "max_keepalive_connections": _IDLE,
            "network_backend": DeadlineBackend(self._core),
        }
        if proxy is None:
            pool = self._core.ConnectionPool(**common)
        else:
            if proxy.url.startswith("https:"):
                common["proxy_ssl_context"] = StreamContext(lambda: self._trust.proxy_context)
            pool = self._core.HTTPProxy(
                proxy.url, proxy_headers=dict(proxy.wire_headers()), **common
            )
        return self._library.Client(
            transport=build_bridge(self._library, self._core, pool), trust_env=False
        )

    def close(self) -> None:
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()


class HttpxTransport(SocketTransport):
    """
    A transport on httpx or httpx2.

    Args:
        options: The options; by default, the default of each.
        library: Name of the library to use.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).
        ModuleNotFoundError: That library is not installed.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        options: TransportOptions | None = None,
        *,
        library: Literal["httpx", "httpx2"] = "httpx",
    ) -> None:
        options = options or TransportOptions()
        if not find_spec(library):
            message = f"No module named {library!r}"
            raise ModuleNotFoundError(message, name=library)
        super().__init__(lambda: _Httpx(library, build_trust(options.tls_files())), options)
