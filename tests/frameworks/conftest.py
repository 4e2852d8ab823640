"""Services of each framework on real servers, tokens of the sandbox, and clients that send anything."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

READ, WRITE = "decisions:read", "applications:write"
PROGRAMS = Path(__file__).parent / "programs"


class Reply(NamedTuple):
    """A response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """The code in the error envelope."""
        return self.json["error"]["code"]


def ask(port, path, *, method="GET", token=None, headers=(), body=None) -> Reply:
    """Send a request just as it is told, repeated headers included."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        skip_host = "Host" in dict(headers)
        connection.putrequest(method, path, skip_host=skip_host, skip_accept_encoding=True)
        bearer = [] if token is None else [("Authorization", f"Bearer {token}")]
        length = [("Content-Length", str(len(body or b"")))] if method != "GET" else []
        for name, value in [*bearer, *length, *headers]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Reply(response.status, response.msg, response.read())
    finally:
        connection.close()


def send_head(port, path) -> bytes:
    """Send a HEAD request; return every byte of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())  # fmt: skip
        return b"".join(iter(lambda: connection.recv(65536), b""))


COMMANDS = {
    "uvicorn": "-m uvicorn --no-access-log --log-level error --fd {fd} {app}",
    "uvicorn-without-lifespan": "-m uvicorn --lifespan off --log-level error --fd {fd} {app}",
    "uvicorn-root-path": "-m uvicorn --root-path /mounted --log-level error --fd {fd} {app}",
    "hypercorn": "-m hypercorn --bind fd://{fd} {app}",
    "hypercorn-root-path": "-m hypercorn --root-path /mounted --bind fd://{fd} {app}",
    "daphne": "-m daphne --fd {fd} {app}",
    "daphne-root-path": "-m daphne --root-path /mounted --fd {fd} {app}",
    "gunicorn": "-m gunicorn --log-level error --bind fd://{fd} {app}",
    "gunicorn-threads": "-m gunicorn --log-level error --threads 4 --bind fd://{fd} {app}",
    "gunicorn-aiohttp": "-m gunicorn --log-level error --worker-class aiohttp.GunicornWebWorker --bind fd://{fd} {app}",
    "waitress": "run_waitress.py {fd} {app}",
    "aiohttp": "run_aiohttp.py {fd} {app}",
}


@contextlib.contextmanager
def serving(server, app, issuer, **environment):
    """Serve an application of `programs` by a real server, which inherits a listening socket."""
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed below; a pipe would fill
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        command = [sys.executable, *COMMANDS[server].format(fd=fd, app=app).split()]
        found = os.pathsep.join([str(PROGRAMS), *filter(None, [os.environ.get("PYTHONPATH")])])
        env = {**os.environ, "SERVICE_ISSUER": issuer, "PYTHONPATH": found, **environment}
        process = subprocess.Popen(
            command, cwd=PROGRAMS, env=env, pass_fds=[fd], stdout=said, stderr=said
        )  # fmt: skip
        port = listening.getsockname()[1]
    try:
        yield port
    finally:
        process.terminate()
        process.wait()
        said.seek(0)
        print(said.read().decode()[-4000:])
        said.close()


def mint(sandbox, scope) -> str:
    """Have the sandbox issue a token."""
    form = {"grant_type": "client_credentials", "scope": scope, "client_id": sandbox.client_id, "client_secret": sandbox.client_secret}  # fmt: skip
    with urllib.request.urlopen(sandbox.token_url, urlencode(form).encode(), timeout=20) as got:
        return json.load(got)["access_token"]


class Issuer(NamedTuple):
    """A sandbox and some of its tokens."""

    url: str
    client_id: str
    read: str
    write: str
    both: str


@pytest.fixture(scope="session")
def issuer():
    with Sandbox(SandboxSettings(token_rate=10**4, token_burst=10**4)) as sandbox:
        yield Issuer(sandbox.issuer, sandbox.client_id, mint(sandbox, READ), mint(sandbox, WRITE), mint(sandbox, f"{READ} {WRITE}"))  # fmt: skip


@pytest.fixture(scope="session")
def lab():
    """Hand out this module: tests cannot import it."""
    return sys.modules[__name__]
