"""The HTTP server under the sandbox: on loopback, quiet, with a long queue."""

from __future__ import annotations

import socket
import struct
import threading
from typing import Any, Final

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

NO_LINGER: Final = struct.pack("ii", 1, 0)
"""The socket option by which closing a connection resets it."""


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's signature
        """Say nothing: the counters tell what came."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002 - werkzeug's signature
        """Hang up, where the gate has ended a request without an answer."""
        self.close_connection = True


class LoopbackServer(ThreadedWSGIServer):
    """
    Serves a WSGI application from threads of its own, one request for each connection.

    Args:
        port: Where to listen on 127.0.0.1; 0 for any free port.
        application: The WSGI application.
    """

    request_queue_size = 1024  # a thousand clients may knock at once
    daemon_threads = True

    def __init__(self, port: int, application: Any) -> None:
        super().__init__("127.0.0.1", port, application, handler=_QuietHandler)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop to serve."""
        self.shutdown()
        self._thread.join()
        self.server_close()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that does not linger is reset, without a polite end before it."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(NO_LINGER)) == NO_LINGER:
            self.close_request(request)
        else:
            super().shutdown_request(request)
