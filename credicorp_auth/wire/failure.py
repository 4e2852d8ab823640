"""
Mapping of transport failures to the errors of credicorp-auth.

It reads the progress of the exchange and the exceptions of Python's own sockets, which every stack
keeps as the cause of its own. So all stacks give the same codes. The phase decides whether the
engine may retry. A failed or broken connection is retryable, since a second token request does no
harm. A protocol or trust failure is not.
"""

from __future__ import annotations

import re
import socket
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import ConnectionFailed, DeadlinePassed, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credicorp_auth.errors import ServerUnreachable
    from credicorp_auth.wire.exchange import Exchange

# Stacks report it only as text: "Tunnel connection failed: 407 …", or "407 …".
_TUNNEL_REFUSED: Final = r"(?:^|failed: )([1-5][0-9]{2})\b"


def build_failure(failure: Exception, exchange: Exchange, *, host: str) -> ServerUnreachable:
    """
    Build the error for a failed exchange.

    The error does not refer to `failure`, whose frames hold the request with its credentials.

    Args:
        failure: The exception that the stack raised.
        exchange: The exchange, with its progress.
        host: Host and port, for messages.
    """
    chain = list(_unwrap(failure))
    for build in _READERS:
        error = build(chain, exchange, host)
        if error is not None:
            return error
    return ConnectionFailed(
        f"{host} does not send valid HTTP responses",
        code="transport.protocol",
        hint="check that the address and port are those of an HTTP server.",
        retryable=False,
    )


def unsendable(host: str) -> ConnectionFailed:
    """Build the error for a request that HTTP cannot carry."""
    return ConnectionFailed(
        f"the request to {host} cannot be put into HTTP",
        code="transport.protocol",
        hint="check the address and the headers for characters that HTTP does not carry.",
        retryable=False,
    )


def _unwrap(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        # urllib3 keeps some causes as an argument only.
        held = next((each for each in failure.args if isinstance(each, BaseException)), None)
        failure = failure.__cause__ or failure.__context__ or held


def _read_timeout(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if not any(isinstance(each, TimeoutError) for each in chain):
        return None
    if exchange.is_connecting and not exchange.is_over():
        return ConnectionFailed(
            f"connecting to {host} took longer than {exchange.connect_timeout:g} s",
            code="transport.connect_timeout",
        )
    if exchange.is_connecting:
        return DeadlinePassed(f"no time was left while connecting to {host}")
    if exchange.received:
        return DeadlinePassed(f"the response of {host} did not end in time")
    return DeadlinePassed(f"{host} did not respond in time", code="transport.read_timeout")


def _read_tls(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    found = next((each for each in chain if isinstance(each, ssl.SSLError)), None)
    if found is not None:
        # An SSLError that a stack raised itself has none of these.
        reasons = (getattr(found, name, None) for name in ("verify_message", "reason"))
        reason = next(filter(None, reasons), "the connection broke")
        # A peer that disconnected may come back; a wrong certificate will not change by itself.
        retryable = isinstance(found, ssl.SSLEOFError)
    elif exchange.is_in_handshake:
        reason, retryable = "the connection broke in the handshake", True
    else:
        return None
    return TlsFailed(f"no trusted TLS connection to {host}: {reason}", retryable=retryable)


def _read_proxy(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if exchange.proxy is None or not exchange.is_connecting:
        return None
    found = next(filter(None, (re.search(_TUNNEL_REFUSED, str(each)) for each in chain)), None)
    if found is not None:
        status = int(found[1])
        message = f"the proxy for {host} returned {status} to CONNECT"
        retryable = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    else:
        message = "broke off" if exchange.is_connected else "was not reached"
        message, retryable = f"the proxy for {host} {message}", True
    return ConnectionFailed(
        message,
        code="transport.proxy",
        hint="check the proxy's address, user and password, and whether it lets this host through.",
        retryable=retryable,
    )


def _read_connecting(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if any(isinstance(each, socket.gaierror) for each in chain):
        return ConnectionFailed(f"the host name in {host} cannot be resolved", code="transport.dns")
    was_reset = any(isinstance(each, ConnectionResetError) for each in chain)
    if exchange.is_connecting and not exchange.is_connected and not was_reset:
        return ConnectionFailed(f"no connection to {host}: connection refused, or no route")
    return None


def _read_loss(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if not exchange.has_ended and not any(isinstance(each, ConnectionError) for each in chain):
        return None
    if exchange.is_reading_body:
        return ConnectionFailed(
            f"the connection to {host} ended in the middle of the response body",
            code="transport.incomplete_body",
        )
    return ConnectionFailed(
        f"the connection to {host} ended before the response", code="transport.reset"
    )


_READERS: Final = (_read_timeout, _read_tls, _read_proxy, _read_connecting, _read_loss)
