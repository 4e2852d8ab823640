"""truststore: deadlines hold, and half a response is never taken for a whole one."""

from __future__ import annotations

import json
import ssl
from contextlib import ExitStack

import pytest

from credicorp_auth_testing.wire import Drip, Hold, Receive, Send, WireServer

pytestmark = pytest.mark.slow

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
SCRIPTS = {
    "whole": [Receive(), Send(HEAD), Drip(b"{}", every=0.05), Hold()],
    "half header": [Receive(), Send(HEAD[:40])],
    "half status": [Receive(), Send(b"HTTP/1.1 401 Unauth")],
    "half body": [Receive(), Send(HEAD + b"{")],
    "drip": [Receive(), Drip(HEAD * 9, every=0.2)],
}
EXPECTED = {
    "whole": 200,
    "half header": "transport.reset",
    "half status": "transport.reset",
    "half body": "transport.incomplete_body",
    "drip": "transport.deadline",
}


@pytest.mark.parametrize("order", ["injected", "imported"])
def test_fault_421_truststore(run_program, authority, order):
    """421: each transport tells a whole response from half of one, and is on time."""
    made, ca_file = authority
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(WireServer(script, tls=context))
            for name, script in SCRIPTS.items()
        }
        urls = {name: server.url for name, server in servers.items()}
        reported = run_program("replaced_contexts.py", order, ca_file, json.dumps(urls))

    session = reported.pop("session")
    assert dict.fromkeys(["urllib3", "requests", "httpx", "httpx2"], EXPECTED) == reported
    halves = dict.fromkeys(["half header", "half status", "half body"], "transport.incomplete_body")
    assert {"whole": 200, **halves} == session
