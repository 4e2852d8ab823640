"""WSGI gate in front of Flask: counting, latency, faults and lost connections."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from credicorp_auth_testing.sandbox.server import NO_LINGER
from credicorp_auth_testing.sandbox.state import BASE_PATH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth_testing.sandbox.state import SandboxState
    from credicorp_auth_testing.sandbox.switches import Fault

TOKEN_PATH = f"{BASE_PATH}/oauth/token"
_QUERIES = {
    f"{BASE_PATH}/oauth/introspect": "introspection",
    f"{BASE_PATH}/oauth/revoke": "revocation",
}


class Gate:
    """
    A WSGI application in front of another.

    Args:
        sandbox: The owner of the switches and counters.
        application: The application behind the gate.
    """

    def __init__(self, sandbox: SandboxState, application: Any) -> None:
        self._sandbox = sandbox
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if query := _QUERIES.get(environ["PATH_INFO"]):
            return self._run_query(query, environ, start_response)
        if environ["PATH_INFO"] != TOKEN_PATH:
            response: Iterable[bytes] = self._application(environ, start_response)
            return response
        counters = self._sandbox.counters
        counters.token_request_begins()
        try:
            time.sleep(self._sandbox.switches.token_latency)
            fault = self._sandbox.switches.next_fault()
            if fault is not None:
                return self._meet("token", fault, environ, start_response)
            response = self._application(environ, start_response)
        finally:
            counters.token_request_ends()
        return response

    def _run_query(
        self, endpoint: str, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        self._sandbox.counters.add(f"{endpoint}_requests")
        if endpoint == "introspection":
            time.sleep(self._sandbox.switches.introspection_latency)
        fault = self._sandbox.switches.next_fault(endpoint)
        if fault is not None:
            return self._meet(endpoint, fault, environ, start_response)
        response: Iterable[bytes] = self._application(environ, start_response)
        return response

    def _meet(
        self,
        endpoint: str,
        fault: Fault,
        environ: dict[str, Any],
        start_response: Any,
    ) -> Iterable[bytes]:
        self._sandbox.counters.add(
            f"{endpoint}_{fault.status if fault.action == 'answer' else fault.action}"
        )
        # The whole request is read first: the client would see another error while still sending.
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if fault.action != "answer":
            if fault.action == "reset":
                connection: socket.socket = environ["werkzeug.socket"]
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            raise ConnectionAbortedError(fault.action)
        body = fault.body if isinstance(fault.body, bytes) else fault.body.encode()
        length = ("Content-Length", str(len(body)))
        limits = self._sandbox.token_bucket.headers()
        headers = [*{**limits, **fault.headers}.items(), length]
        start_response(f"{fault.status} Fault", headers)
        return [body]
