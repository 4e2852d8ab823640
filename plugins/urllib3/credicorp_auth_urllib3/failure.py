"""
What a failure of urllib3 means to a caller, in the errors of credicorp-auth.

Whether the engine may try again follows from where it happened: while no connection was made, or
one broke, yes (nothing is lost by asking twice for a token); where two sides do not understand or
trust each other, no.
"""

from __future__ import annotations

import re
import ssl
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead, InvalidURL
from typing import TYPE_CHECKING, Final

from urllib3.exceptions import (
    HTTPError,
    InvalidChunkLength,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
)
from urllib3.exceptions import TimeoutError as Urllib3Timeout

from credicorp_auth.errors import ConnectionFailed, DeadlinePassed, TlsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credicorp_auth.errors import ServerUnreachable
    from credicorp_auth_urllib3.exchange import Exchange

FAILURES = (HTTPError, HTTPException, OSError, ValueError)
"""What urllib3 and http.client raise; ValueError where a header or an address cannot be sent."""


def build_failure(failure: Exception, exchange: Exchange, *, host: str) -> ServerUnreachable:
    """
    Build the error that tells a caller what happened.

    Nothing of `failure` is kept: its frames hold the request with its credentials.

    Args:
        failure: What urllib3 raised.
        exchange: How far the exchange had come.
        host: Host and port, for messages.
    """
    chain = list(_unwrap(failure))
    for build in _READERS:
        error = build(chain, exchange, host)
        if error is not None:
            return error
    return ConnectionFailed(
        f"{host} does not answer as HTTP prescribes",
        code="transport.protocol",
        cure="check that the address and port are those of an HTTP server.",
        retryable=False,
    )


def _unwrap(failure: BaseException | None) -> Iterator[BaseException]:
    while failure is not None:
        yield failure
        failure = failure.__cause__ or failure.__context__


def _read_unsendable(
    chain: list[BaseException], _exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if not isinstance(chain[0], ValueError | InvalidURL):
        return None
    return ConnectionFailed(
        f"the request to {host} cannot be put into HTTP",
        code="transport.protocol",
        cure="check the address and the headers for characters that HTTP does not carry.",
        retryable=False,
    )


def _read_timeout(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    # urllib3 counts a connection that was refused among the time-outs; it is none.
    if not any(
        isinstance(each, TimeoutError | Urllib3Timeout) and not isinstance(each, NewConnectionError)
        for each in chain
    ):
        return None
    if exchange.is_connecting and not exchange.is_over():
        return ConnectionFailed(
            f"connecting to {host} took longer than {exchange.connect_timeout:g} s",
            code="transport.connect_timeout",
        )
    if exchange.is_connecting:
        return DeadlinePassed(f"no time was left while connecting to {host}")
    if exchange.received:
        return DeadlinePassed(f"the answer of {host} did not come to an end in time")
    return DeadlinePassed(f"{host} did not answer in time", code="transport.read_timeout")


def _read_proxy(
    chain: list[BaseException], _exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if not any(isinstance(each, ProxyError) for each in chain):
        return None
    # http.client says it in words only: "Tunnel connection failed: 407 …".
    found = re.search(r"Tunnel connection failed: ([0-9]{3})", str(chain))
    if found is None:
        what, retryable = f"the proxy on the way to {host} was not reached", True
    else:
        status = int(found[1])
        what = f"the proxy on the way to {host} answered {status} to CONNECT"
        retryable = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return ConnectionFailed(
        what,
        code="transport.proxy",
        cure="check the proxy's address, user and password, and whether it lets this host through.",
        retryable=retryable,
    )


def _read_tls(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    found = next((each for each in chain if isinstance(each, ssl.SSLError)), None)
    if found is not None:
        reason = getattr(found, "verify_message", None) or found.reason or "the connection broke"
        # A peer that only went away may be back; one with the wrong certificate will not change.
        retryable = isinstance(found, ssl.SSLEOFError)
    elif exchange.is_shaking_hands:
        reason, retryable = "the connection broke in the handshake", True
    else:
        return None
    return TlsFailed(f"no trusted TLS connection to {host}: {reason}", retryable=retryable)


def _read_connecting(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    if any(isinstance(each, NameResolutionError) for each in chain):
        return ConnectionFailed(f"the name in {host} is not known", code="transport.dns")
    if any(isinstance(each, NewConnectionError) for each in chain):
        return ConnectionFailed(f"no connection to {host}: nobody accepts it")
    if exchange.is_connecting:
        # What broke while connecting, and was not the connection itself, was the tunnel.
        return ConnectionFailed(f"the proxy on the way to {host} broke off", code="transport.proxy")
    return None


def _read_loss(
    chain: list[BaseException], exchange: Exchange, host: str
) -> ServerUnreachable | None:
    is_short = any(
        isinstance(each, IncompleteRead) and not isinstance(each, InvalidChunkLength)
        for each in chain
    )
    is_broken = any(isinstance(each, ConnectionError) for each in chain)
    if exchange.is_reading_body and (is_short or is_broken):
        return ConnectionFailed(
            f"the connection to {host} ended inside the body of the answer",
            code="transport.incomplete_body",
        )
    if is_broken:
        return ConnectionFailed(
            f"the connection to {host} ended before the answer", code="transport.reset"
        )
    return None


_READERS: Final = (
    _read_unsendable,
    _read_timeout,
    _read_proxy,
    _read_tls,
    _read_connecting,
    _read_loss,
)
