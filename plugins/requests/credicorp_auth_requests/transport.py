"""Transport for requests to the authorization server, over the requests library."""

from __future__ import annotations

import copy
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, InvalidURL
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest, RequestException, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectTimeout, ProxyError
from urllib3.exceptions import HTTPError, NewConnectionError, ProtocolError

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.options import TransportOptions
from credicorp_auth.wire.proxy import Proxy
from credicorp_auth.wire.response import PIECE, OpenResponse
from credicorp_auth.wire.tls import build_trust
from credicorp_auth.wire.transport import SocketTransport
from credicorp_auth.wire.urllib3_pools import DeadlinePools, read_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import HTTPConnectionPool

    from credicorp_auth.http.messages import HttpRequest
    from credicorp_auth.wire.exchange import Exchange
    from credicorp_auth.wire.tls import Trust

__all__ = ["RequestsTransport", "TransportOptions"]

_FAILURES = (RequestException, HTTPError, HTTPException, OSError, ValueError)


class _DeadlineAdapter(HTTPAdapter):
    """requests' adapter, over connections that enforce the current exchange's deadline."""

    def __init__(self, pools: DeadlinePools) -> None:
        self._pools = pools
        super().__init__()

    def get_connection_with_tls_context(
        self, request: PreparedRequest, *_how: Any, **_why: Any
    ) -> HTTPConnectionPool:
        # `verify`, `proxies` and `cert` are not read: our pools hold the TLS and proxy settings.
        return self._pools.through(current.get().proxy).connection_from_url(str(request.url))

    def cert_verify(self, *_how: Any) -> None:
        # Do nothing: the base class would also trust requests' own CA bundle.
        pass

    def close(self) -> None:
        super().close()
        self._pools.clear()


class _OwnSession:
    """HTTP stack of `credicorp_auth.wire` on our own session."""

    failures = _FAILURES
    refusals = (InvalidURL, ValueError)

    def __init__(self, trust: Trust) -> None:
        self._session = Session()
        self._session.trust_env = False
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, _DeadlineAdapter(DeadlinePools(trust)))

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        return _open(self._session, request, headers, verify=True, proxies={})

    def close(self) -> None:
        self._session.close()


class _CallerSession:
    """HTTP stack on the caller's session, with its adapters, proxies, authorities, certificate."""

    failures = _FAILURES
    refusals = (InvalidURL, ValueError)

    def __init__(self, session: Session) -> None:
        self._session = session

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        exchange, session = current.get(), self._session
        # Our own sockets track reuse; the caller's do not.
        exchange.is_reused = False
        # Passed explicitly, so that REQUESTS_CA_BUNDLE does not override the session's `verify`.
        how = session.merge_environment_settings(
            request.url, {}, stream=True, verify=_verified(session), cert=session.cert
        )
        if request.url[:5].lower() == "http:":
            how["proxies"] = {}  # loopback only; a proxy could read it
        how["timeout"] = (min(exchange.connect_timeout, exchange.left()), exchange.left())
        try:
            response = _open(session, request, headers, **how)
        except RequestException as failure:
            _note_where(failure, exchange)
            raise
        exchange.arrived(1)
        return response._replace(pieces=_noting_the_end(response, exchange))

    def close(self) -> None:
        """Leave the caller's session open."""


def _open(
    session: Session, request: HttpRequest, headers: list[tuple[str, str]], **how: Any
) -> OpenResponse:
    # Prepared without the session, so that its auth, netrc, cookies and headers do not apply.
    prepared = PreparedRequest()
    prepared.prepare(request.method, request.url, dict(headers), data=request.wire_body())
    how["stream"] = True
    response = session.send(prepared, allow_redirects=False, **how)
    raw: Any = response.raw
    pieces = iter(partial(raw.read1, PIECE, decode_content=False), b"")
    return OpenResponse(response.status_code, read_fields(raw), pieces, response.close)


def _verified(session: Session) -> Any:
    if not session.verify:
        raise InvalidSetting(
            "the session that was handed in verifies no certificates",
            code="config.insecure_tls",
            hint="set `session.verify` to True, or to the PEM file of your authority.",
        )
    return session.verify


def _note_where(failure: RequestException, exchange: Exchange) -> None:
    reason: Any = failure.args[0] if failure.args else None
    reason = getattr(reason, "reason", reason)
    if isinstance(failure, ConnectTimeout | ProxyError) or isinstance(reason, NewConnectionError):
        exchange.begin_connecting()
    if isinstance(failure, ProxyError):
        exchange.proxy = Proxy("")


def _noting_the_end(response: OpenResponse, exchange: Exchange) -> Iterator[bytes]:
    is_empty = True
    try:
        for piece in response.pieces:
            is_empty = False
            yield piece
    except ProtocolError:
        exchange.arrived(0)
        raise
    if is_empty and _may_be_half(response):
        raise ConnectionResetError


def _may_be_half(response: OpenResponse) -> bool:
    """Return whether an empty response may be one that ended inside its header."""
    # http.client takes the end of the stream for the end of the header, and only our own sockets
    # show the difference.
    framing = ("content-length", "transfer-encoding")
    return response.status != HTTPStatus.NO_CONTENT and not any(
        response.header_values(name) for name in framing
    )


class RequestsTransport(SocketTransport):
    """
    A transport on the requests library.

        CredicorpAuth(transport=RequestsTransport(session=session), …)

    Args:
        options: The options; by default, the default of each.
        session: The caller's session, in place of one of our own. Its adapters, proxies,
            authorities and certificate are used; its auth, cookies, headers and netrc are not. It
            is not closed. On its connections, a response that arrives byte by byte may exceed the
            timeout, and `capabilities` reports that.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`), or the session
            verifies no certificates (`config.insecure_tls`).

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, options: TransportOptions | None = None, *, session: Session | None = None
    ) -> None:
        options = options or TransportOptions()
        self._session = session
        self._orphaned_adapters: list[object] = []
        if session is not None:
            _verified(session)
            super().__init__(lambda: _CallerSession(session), options)
            return
        super().__init__(lambda: _OwnSession(build_trust(options.tls_files())), options)

    @property
    def capabilities(self) -> TransportCapabilities:
        """Report that, on its own session, the timeout covers slow byte-by-byte responses too."""
        return TransportCapabilities(total_deadline=self._session is None)

    def after_fork(self) -> None:
        """Drop the parent's connections without closing them."""
        super().after_fork()
        adapters: Any = {} if self._session is None else self._session.adapters
        for prefix, adapter in list(adapters.items()):
            self._orphaned_adapters.append(adapter)
            adapters[prefix] = copy.copy(adapter)  # without its connections, as when pickled
