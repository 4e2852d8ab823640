"""Requests to the authorization server, over urllib3."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from math import isfinite
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from attrs import field, frozen
from urllib3 import HTTPHeaderDict, PoolManager, ProxyManager

from credicorp_auth.errors import (
    ConnectionFailed,
    CredicorpAuthError,
    DeadlinePassed,
    InvalidSetting,
)
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.ports import TransportCapabilities
from credicorp_auth_urllib3.answer import read_answer
from credicorp_auth_urllib3.connection import POOLS
from credicorp_auth_urllib3.exchange import Exchange, current
from credicorp_auth_urllib3.failure import FAILURES, build_failure
from credicorp_auth_urllib3.proxy import choose_proxy, read_proxy
from credicorp_auth_urllib3.tls import build_context

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth_urllib3.proxy import Proxy

_IDLE: Final = 4  # connections kept for each origin; an authorization server is asked seldom


def _read_proxy_option(value: str | Secret | None) -> Secret | None:
    if value is None:
        return None
    proxy = value if isinstance(value, Secret) else Secret(value)
    if read_proxy(proxy) is None:
        raise InvalidSetting(
            "`proxy` is not the address of a proxy",
            cure="set `proxy` to an http or https address, such as http://proxy.example:3128.",
        )
    return proxy


def _read_seconds(value: float | str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not isfinite(seconds) or seconds <= 0:
        raise InvalidSetting(
            "`connect_timeout` is not a length of time",
            cure="set `connect_timeout` to a number of seconds above 0.",
        )
    return seconds


@frozen
class TransportOptions:
    """
    What can be set for the transport `urllib3`.

    Args:
        ca_file: PEM file of the only authorities to trust; without it, those of the system.
        client_certificate: One PEM file that holds the certificate chain and its unencrypted key.
        proxy: Address of the proxy, http or https, with user and password where it asks for them;
            without it, the environment's HTTPS_PROXY and NO_PROXY are honoured.
        connect_timeout: Seconds that connecting, a proxy's tunnel and the TLS handshake may take
            together, out of each request's own timeout.
    """

    ca_file: str | None = None
    client_certificate: str | None = None
    proxy: Secret | None = field(default=None, converter=_read_proxy_option)
    connect_timeout: float = field(default=3.0, converter=_read_seconds)


@cache
def _user_agent() -> str:
    found = metadata.distributions(name="credicorp-auth")
    return f"credicorp-auth/{next((each.version for each in found), '0')}"


def _wire_headers(request: HttpRequest) -> HTTPHeaderDict:
    headers = HTTPHeaderDict({"User-Agent": _user_agent()})
    for name, value in request.wire_headers().items():
        headers[name] = value
    headers["Accept-Encoding"] = "identity"
    return headers


def _was_stale(error: ConnectionFailed, exchange: Exchange) -> bool:
    return error.code == "transport.reset" and exchange.is_reused and not exchange.received


class Urllib3Transport:
    """
    A transport on urllib3 that is on time whatever the server does.

    It follows no redirect, keeps no cookie, decodes nothing, reads no netrc, and takes no
    authority, key log or debug output from the environment once `ca_file` is set.

    Args:
        options: What was set; the defaults when not given.

    Raises:
        InvalidSetting: A file named in the options cannot be used (`config.value`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: TransportOptions | None = None) -> None:
        self._options = options or TransportOptions()
        self._context = build_context(
            ca_file=self._options.ca_file, client_certificate=self._options.client_certificate
        )
        # A proxy is trusted on the same terms, but not shown our certificate.
        self._proxy_context = build_context(ca_file=self._options.ca_file, client_certificate=None)
        self._pools: dict[Proxy | None, PoolManager] = {}
        self._orphans: list[object] = []

    @property
    def capabilities(self) -> TransportCapabilities:
        """It keeps its timeout against a server that sends byte by byte, too."""
        return TransportCapabilities(total_deadline=True)

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """
        Send one request and return the whole answer, whatever its status.

        A connection that was kept, and that the server had closed meanwhile, is replaced by a new
        one in silence: no byte of an answer had come, so nobody has acted on the request.

        Args:
            request: What to send.
            timeout: Seconds for everything: resolving, connecting, sending, reading.

        Raises:
            ServerUnreachable: `transport.deadline` once no time is left, `transport.read_timeout`
                where not one byte of the answer came by then, `transport.connect_timeout` where
                `connect_timeout` passed first; else by code, as `credicorp_auth.ports` lists them.
            MalformedAnswer: The body is too long (`response.too_large`) or encoded
                (`response.content_encoding`).
        """
        host = urlsplit(request.url).netloc
        if not timeout > 0:
            raise DeadlinePassed(f"no time was left to ask {host}")
        exchange = Exchange(timeout, connect_timeout=self._options.connect_timeout)
        outcome = self._carry(request, exchange, host=host)
        if isinstance(outcome, ConnectionFailed) and _was_stale(outcome, exchange):
            # The others that wait are as old as this one, and as likely closed.
            self._pools.clear()
            outcome = self._carry(request, exchange, host=host)
        if isinstance(outcome, CredicorpAuthError):
            # Raised here and as a copy, so that neither its traceback nor its context leads to
            # frames that hold the request as it went onto the wire.
            raise outcome.copy()
        return outcome

    def _carry(
        self, request: HttpRequest, exchange: Exchange, *, host: str
    ) -> HttpResponse | CredicorpAuthError:
        token = current.set(exchange)
        try:
            answer = self._send(request)
            try:
                exchange.begin_body()
                return read_answer(answer, host=host)
            except BaseException:
                answer.close()
                raise
        except CredicorpAuthError as error:
            return error
        except FAILURES as failure:
            return build_failure(failure, exchange, host=host)
        finally:
            current.reset(token)

    def _send(self, request: HttpRequest) -> BaseHTTPResponse:
        proxy = choose_proxy(request.url, configured=self._options.proxy)
        pools = self._pools.get(proxy) or self._pools.setdefault(proxy, self._build_pools(proxy))
        return pools.urlopen(
            request.method,
            request.url,
            redirect=False,
            body=request.wire_body(),
            headers=_wire_headers(request),
            retries=False,
            preload_content=False,
            decode_content=False,
        )

    def _build_pools(self, proxy: Proxy | None) -> PoolManager:
        if proxy is None:
            pools = PoolManager(maxsize=_IDLE, ssl_context=self._context)
        else:
            pools = ProxyManager(
                proxy.url,
                proxy_headers=proxy.wire_headers(),
                proxy_ssl_context=self._proxy_context,
                maxsize=_IDLE,
                ssl_context=self._context,
            )
        pools.pool_classes_by_scheme = POOLS
        return pools

    def close(self) -> None:
        """Close the connections that wait."""
        self._pools.clear()

    def after_fork(self) -> None:
        """Leave the parent's connections alone, and start without any."""
        # Kept, not dropped: a finaliser in the child would close, and might wait for a lock that a
        # thread of the parent held when it forked.
        self._orphans.append(self._pools)
        self._pools = {}
