"""Sending one request on time, whichever stack puts it onto the wire."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from ssl import SSLError
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from attrs import evolve

from credicorp_auth.errors import ConnectionFailed, CredicorpAuthError, DeadlinePassed
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth.wire.exchange import Exchange, current
from credicorp_auth.wire.failure import build_failure, unsendable
from credicorp_auth.wire.proxy import choose_proxy
from credicorp_auth.wire.response import read_response_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.wire.options import TransportOptions
    from credicorp_auth.wire.response import OpenResponse


class Stack(Protocol):
    """An HTTP library whose sockets keep to the current exchange."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What it raises when a request fails on its way."""
        ...

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What it raises, of these, where HTTP cannot carry the request."""
        ...

    def open(self, request: HttpRequest, headers: list[tuple[str, str]]) -> OpenResponse:
        """
        Send a request, through the proxy of the current exchange, and return the answer's head.

        Follow no redirect, decode nothing, retry nothing, keep no cookie.

        Args:
            request: What to send.
            headers: Its headers as they go onto the wire, in place of its own.
        """
        ...

    def close(self) -> None:
        """Close the connections that wait."""
        ...


@cache
def _user_agent() -> str:
    found = metadata.distributions(name="credicorp-auth")
    return f"credicorp-auth/{next((each.version for each in found), '0')}"


def _wire_headers(request: HttpRequest) -> list[tuple[str, str]]:
    fixed = {"accept-encoding", "user-agent"}
    own = request.wire_headers()
    agent = next((own[name] for name in own if name.lower() == "user-agent"), _user_agent())
    return [
        ("User-Agent", agent),
        ("Accept-Encoding", "identity"),
        *((name, value) for name, value in own.items() if name.lower() not in fixed),
    ]


def _was_stale(error: ConnectionFailed, exchange: Exchange) -> bool:
    return error.code == "transport.reset" and exchange.is_reused and not exchange.received


class SocketTransport:
    """
    A transport that is on time whatever the server does.

    It follows no redirect, keeps no cookie, decodes nothing, reads no netrc, and takes no
    authority, key log or debug output from the environment once `ca_file` is set.

    Args:
        build_stack: Builds the stack; once now, and once more in each child of a fork.
        options: What was set.

    .. versionadded:: 1.0.0
    """

    def __init__(self, build_stack: Callable[[], Stack], options: TransportOptions) -> None:
        self._options = options
        self._build_stack = build_stack
        self._stack = build_stack()
        self._orphans: list[Stack] = []

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
                if not one byte of the response came by then, `transport.connect_timeout` if
                `connect_timeout` passed first; else by code, as `plugin.api` lists them.
            MalformedResponse: The body is too long (`response.too_large`) or encoded
                (`response.content_encoding`).
        """
        host = urlsplit(request.url).netloc
        if not timeout > 0:
            raise DeadlinePassed(f"no time was left to ask {host}")
        exchange = Exchange(timeout, connect_timeout=self._options.connect_timeout)
        outcome = self._carry(request, exchange, host=host)
        if isinstance(outcome, ConnectionFailed) and _was_stale(outcome, exchange):
            # The others that wait are as old as this one, and as likely closed.
            self._stack.close()
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
            exchange.proxy = choose_proxy(request.url, configured=self._options.proxy)
            response = self._stack.open(request, _wire_headers(request))
            try:
                exchange.begin_body()
                return evolve(
                    read_response_body(response, host=host), peer_address=exchange.peer_address
                )
            except BaseException:
                response.close()
                raise
        except CredicorpAuthError as error:
            return error
        except self._stack.failures as failure:
            # A certificate that fails is a ValueError, too.
            if isinstance(failure, self._stack.refusals) and not isinstance(failure, SSLError):
                return unsendable(host)
            return build_failure(failure, exchange, host=host)
        finally:
            current.reset(token)

    def close(self) -> None:
        """Close the connections that wait."""
        self._stack.close()

    def after_fork(self) -> None:
        """Leave the parent's connections alone, and start without any."""
        # Kept, not dropped: a finaliser in the child would close, and might wait for a lock that a
        # thread of the parent held when it forked.
        self._orphans.append(self._stack)
        self._stack = self._build_stack()
