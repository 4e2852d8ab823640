"""
TLS over any stream.

The TLS runs between two buffers in memory, not on a socket. So no subclass of `ssl.SSLSocket` is
needed, which would be ignored if `ssl.SSLContext` has been replaced, for example by truststore, and
would bypass the sockets of gevent and eventlet. The handshake ends with the exchange as well,
however many pieces the peer sends it in.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.sockets import DeadlineSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from credicorp_auth.wire.sockets import Stream

T = TypeVar("T")

_AT_ONCE: Final = 16 * 1024 + 512  # bytes: one record of TLS


class TlsStream:
    """
    Decrypted bytes of a connection.

    Args:
        encrypted: The encrypted bytes.
        context: TLS settings.
        server_name: The name that the server's certificate must hold.
    """

    def __init__(self, encrypted: Stream, context: ssl.SSLContext, server_name: str) -> None:
        self._encrypted = encrypted
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self.close, self.fileno = encrypted.close, encrypted.fileno

    def shake_hands(self) -> None:
        """
        Do the handshake.

        Raises:
            OSError: It failed; `ssl.SSLError` if one side does not trust the other.
        """
        self._run(self._tls.do_handshake)

    def recv(self, size: int) -> bytes:
        """Receive up to `size` bytes."""
        try:
            return self._run(partial(self._tls.read, size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Many servers end without TLS's own end. Where that may cut a response short, its
            # length or its JSON shows it.
            return b""

    def sendall(self, data: bytes) -> None:
        """Send all bytes."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._run(partial(self._tls.write, rest)) :]

    def _run(self, step: Callable[[], T]) -> T:
        """Repeat a step of TLS, until it has the bytes that it needs from the peer."""
        while True:
            try:
                result = [step()]
            except ssl.SSLWantReadError:
                result = []
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush()  # the alert that tells the peer why
                raise
            self._flush()
            if result:
                return result[0]
            # Not in the handler above: a failure would count as one of TLS, by its context.
            self._fill()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._encrypted.sendall(self._outgoing.read())

    def _fill(self) -> None:
        data = self._encrypted.recv(_AT_ONCE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()


def start_tls(plain: DeadlineSocket, context: ssl.SSLContext, server_name: str) -> DeadlineSocket:
    """
    Do the TLS handshake over a connection, which may lead through a proxy that itself uses TLS.

    Args:
        plain: The connection.
        context: TLS settings, as `build_trust` makes them.
        server_name: The name that the server's certificate must hold.

    Raises:
        OSError: The handshake failed; `ssl.SSLError` if one side does not trust the other.
    """
    exchange = current.get()
    exchange.is_in_handshake = True
    stream = TlsStream(plain.stream, context, server_name)
    stream.shake_hands()
    exchange.is_in_handshake = False
    return DeadlineSocket(plain.connection, stream)


class StreamContext:
    """
    TLS settings for urllib3 and httpcore, made when they are first used.

    Args:
        make: Returns the context, such as one of a `Trust`. urllib3 sets `verify_mode` and
            `check_hostname` itself; that reaches this object only.
    """

    def __init__(self, make: Callable[[], ssl.SSLContext]) -> None:
        self._make = make
        self.verify_mode, self.check_hostname = ssl.CERT_REQUIRED, True

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any attribute of the context
        return getattr(self._make(), name)

    def set_alpn_protocols(self, _names: Sequence[str]) -> None:
        """Offer HTTP/1.1, which the sockets are made for; urllib3-future asks for more."""
        self._make().set_alpn_protocols(["http/1.1"])

    def wrap_socket(
        self,
        plain: DeadlineSocket,
        *,
        server_hostname: str,
        **_how: object,  # urllib3-future's own
    ) -> DeadlineSocket:
        """Do the TLS handshake, as `ssl.SSLContext.wrap_socket`."""
        encrypted = start_tls(plain, self._make(), server_hostname)
        encrypted.context = self
        return encrypted
