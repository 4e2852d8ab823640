"""
Server that plays a script of bytes, for behaviour that no regular server shows.

    with WireServer([Receive(), Send(response(b"{}")), Reset()]) as server:
        ...  # requests to server.url

Each connection plays the next script; connections after the last script play the last one again.
Received bytes are kept for the test. It runs on loopback, on threads of its own.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final, Protocol, Self

from attrs import define, field, frozen

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import TracebackType

_LINGER_NOT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends a reset
_PIECE: Final = 64 * 1024
_HOST: Final = "127.0.0.1"


@define
class WireConnection:
    """
    A connection of a client.

    Args:
        socket: The server's end; replaced by its TLS socket if a script starts TLS.
        stopping: Set once the server closes.
        received: All received bytes, decrypted if TLS is on.
        sent: Number of bytes passed to the system for the client.
        ended_by_client: True if the client closed its end while the script was still receiving.
    """

    socket: socket.socket = field(repr=False)
    stopping: Event = field(repr=False)
    received: bytes = b""
    sent: int = 0
    ended_by_client: bool = False
    _lock: Lock = field(factory=Lock, init=False, repr=False)

    def secure(self, context: ssl.SSLContext) -> None:
        """Put the connection under TLS; `shut` ends the handshake, too."""
        with self._lock:  # otherwise `shut` may meet the socket that TLS has just replaced
            self.socket = context.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )
        self.socket.do_handshake()

    def shut(self) -> None:
        """End both directions, so that nothing waits for the client any longer."""
        with self._lock:
            _shut(self.socket)

    def take(self) -> bool:
        """Receive available bytes, or wait for some; return false once the client is gone."""
        try:
            data = self.socket.recv(_PIECE)
        except OSError:
            data = b""
        self.received += data
        self.ended_by_client = not data
        return bool(data)


class Step(Protocol):
    """One step of a script."""

    def play(self, connection: WireConnection) -> None:
        """Run the step."""
        ...


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in head.split(b"\r\n"))
    }
    if headers.get(b"transfer-encoding") == b"chunked":
        return body.endswith(b"0\r\n\r\n")
    return bool(end) and len(body) >= int(headers.get(b"content-length", b"0"))


@frozen
class Receive:
    """Receive one whole request, with its body if it has a Content-Length or is chunked."""

    def play(self, connection: WireConnection) -> None:
        """Receive until the request is whole or the client disconnects."""
        start = len(connection.received)
        while connection.take() and not _is_whole(connection.received[start:]):
            pass


@frozen
class Listen:
    """Wait until the client has sent something."""

    def play(self, connection: WireConnection) -> None:
        """Receive the first bytes."""
        connection.take()


@frozen
class Send:
    """
    Send bytes at once.

    Args:
        data: The bytes.
        times: Number of repetitions.
    """

    data: bytes
    times: int = 1

    def play(self, connection: WireConnection) -> None:
        """Send the bytes."""
        for _ in range(self.times):
            connection.socket.sendall(self.data)
            connection.sent += len(self.data)


@frozen
class Drip:
    """
    Send bytes one by one.

    Args:
        data: The bytes.
        every: Delay before each byte, in seconds.
    """

    data: bytes
    every: float

    def play(self, connection: WireConnection) -> None:
        """Send the bytes until the client disconnects or the server stops."""
        for each in self.data:
            if connection.stopping.wait(self.every):
                return
            connection.socket.sendall(bytes([each]))
            connection.sent += 1


@frozen
class Hold:
    """Send nothing until the client disconnects."""

    def play(self, connection: WireConnection) -> None:
        """Receive until the client disconnects."""
        while connection.take():
            pass


@frozen
class StartTls:
    """
    Continue under TLS.

    Args:
        context: The server's TLS context.
    """

    context: ssl.SSLContext

    def play(self, connection: WireConnection) -> None:
        """Run the handshake."""
        connection.secure(self.context)


@frozen
class Reset:
    """Break the connection with a TCP reset."""

    def play(self, connection: WireConnection) -> None:
        """Reset the connection."""
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        connection.socket.close()


def response(
    body: bytes = b"{}", *, status: str = "200 OK", headers: Sequence[tuple[str, str]] = ()
) -> bytes:
    """
    Build a correct HTTP response with its Content-Length.

    Args:
        body: The body.
        status: Status code and reason.
        headers: Further headers.
    """
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class WireServer:
    """
    A server that plays scripts to its clients.

    Args:
        scripts: A list of steps for each connection, in order; the last one serves all that follow.
            A connection is closed at the end of its script.
        tls: Start each connection under TLS with this context.
    """

    def __init__(self, *scripts: Sequence[Step], tls: ssl.SSLContext | None = None) -> None:
        self.scripts: Sequence[Sequence[Step]] = scripts
        self._tls = tls
        self._stopping = Event()
        self._threads: list[Thread] = []
        self._listener = socket.create_server((_HOST, 0))
        self.connections: list[WireConnection] = []
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The server's URL, with an arbitrary path."""
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://{_HOST}:{self.port}/token"

    def __enter__(self) -> Self:
        self._start(self._listen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        _shut(self._listener)
        self._threads[0].join()  # from here on, there are no new connections
        for connection in self.connections:
            connection.shut()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type] # any callable
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            script = self.scripts[min(len(self.connections), len(self.scripts) - 1)]
            connection = WireConnection(peer, self._stopping)
            self.connections.append(connection)
            steps = script if self._tls is None else [StartTls(self._tls), *script]
            self._start(_play, steps, connection)


def _play(steps: Sequence[Step], connection: WireConnection) -> None:
    try:
        for step in steps:
            step.play(connection)
    except OSError:
        # The client disconnected in the middle, as some faults require.
        pass
    finally:
        connection.socket.close()


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # it is closed, or was never connected
        end.shutdown(socket.SHUT_RDWR)
