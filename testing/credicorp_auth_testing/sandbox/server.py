"""HTTP server of the sandbox: on loopback, without logging, with a long accept queue."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any, Final

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

NO_LINGER: Final = struct.pack("ii", 1, 0)
"""The socket option that makes closing a connection reset it."""


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
        """Log nothing: the counters record the requests."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002 - werkzeug's signature
        """Ignore a connection that the gate has ended without a response."""
        self.close_connection = True


class LoopbackServer(ThreadedWSGIServer):
    """
    A server of a WSGI application on threads of its own, one request for each connection.

    Args:
        port: The port on 127.0.0.1; 0 for any free port.
        application: The WSGI application.
    """

    request_queue_size = 1024  # a thousand clients may connect at once
    daemon_threads = True

    def __init__(self, port: int, application: Any) -> None:
        super().__init__("127.0.0.1", port, application, handler=_QuietHandler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one without linger is reset, without a shutdown before it."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(NO_LINGER)) == NO_LINGER:
            self.close_request(request)
        else:
            super().shutdown_request(request)
