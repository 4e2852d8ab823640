"""
The core wheel with its core dependencies and nothing else: a token over a real socket, by objects
of the caller's own; and for each adapter that a name would need, the folder to install.

Run by the `bare` environment, where no test library is installed either.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse

OPTIONAL = (
    "requests",
    "httpx",
    "httpx2",
    "flask",
    "django",
    "litestar",
    "aiohttp",
    "authlib",
    "click",
    "rich",
    "redis",
    "hvac",
    "boto3",
)


class Endpoint(BaseHTTPRequestHandler):
    """A token endpoint of one answer."""

    def do_POST(self) -> None:
        """Grant a token."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(
            {"access_token": "bare", "token_type": "Bearer", "expires_in": 60}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def check_import() -> None:
    """Importing the door imports nothing heavy, and no optional library at all."""
    code = (
        "import sys; from credicorp_auth import CredicorpAuth; "
        f"print([each for each in {OPTIONAL!r} + ('jwt', 'asyncio') if each in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    assert b"[]" == out.stdout.strip(), out.stdout


class OwnTransport:
    """A transport of the caller's own, on the standard library alone."""

    def __init__(self) -> None:
        from credicorp_auth.plugin.api import TransportCapabilities

        self.capabilities = TransportCapabilities()

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send the request, and return the response."""
        from credicorp_auth.http.messages import HttpResponse
        from credicorp_auth.http.secret import SecretBytes

        url = urlsplit(request.url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=timeout)
        connection.request(request.method, url.path, request.wire_body(), request.wire_headers())
        answered = connection.getresponse()
        body = SecretBytes(answered.read())
        return HttpResponse(answered.status, tuple(answered.headers.items()), body)

    def close(self) -> None:
        """Keep nothing."""

    def after_fork(self) -> None:
        """Keep nothing."""


class OwnCache:
    """A cache of the caller's own, which keeps nothing."""

    def __init__(self) -> None:
        from credicorp_auth.plugin.api import CacheCapabilities

        self.capabilities = CacheCapabilities()

    def read(self, key: str, *, timeout: float) -> None:
        """Find nothing."""

    def write(self, key: str, entry: object, *, lifetime: float, timeout: float) -> None:
        """Keep nothing."""

    def discard(self, key: str, *, expected: object = None, timeout: float) -> bool:
        """Drop nothing."""
        return False

    def close(self) -> None:
        """Keep nothing."""

    def after_fork(self) -> None:
        """Keep nothing."""


def check_token() -> None:
    """A token can be had with the core dependencies alone, by adapters of the caller's own."""
    from credicorp_auth import CredicorpAuth

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with CredicorpAuth(
        base_url=f"http://127.0.0.1:{server.server_port}/partner/v1",
        client_id="bare",
        client_secret="bare",
        transport=OwnTransport(),
        cache=OwnCache(),
    ) as auth:
        assert "Bearer bare" == auth.header()
    server.shutdown()
    server.server_close()


def check_folders() -> None:
    """Asked for a token by name, the core alone says which folder to install."""
    from credicorp_auth import CredicorpAuth, errors
    from credicorp_auth.plugin.loading.kinds import KINDS
    from credicorp_auth.plugin.loading.listing import AdapterStatus, list_adapters
    from credicorp_auth.plugin.loading.registry import Registry

    settings = {"transport": OwnTransport(), "cache": OwnCache()}
    for kind in KINDS:
        for own in kind.own:
            setting = {"secret source": "secrets"}.get(kind.name, kind.name)
            chosen = {"client_id": "bare", **settings, setting: own.name}
            if setting != "secrets":
                chosen["client_secret"] = "bare"
            try:
                CredicorpAuth(**chosen)
            except errors.AdapterNotFound as error:
                assert own.name in str(error), error
                assert f"./plugins/{own.folder}" in error.hint, error.hint
            else:
                raise AssertionError(own.name)
    try:
        CredicorpAuth(client_id="bare", client_secret="bare")
    except errors.AdapterNotFound as error:
        assert "pip install -r standard.txt" in error.hint, error.hint
    listed = list_adapters(Registry())
    assert {AdapterStatus.NOT_INSTALLED} == {each.state for each in listed}, listed


def check_command() -> None:
    """Without its extra the command says which one it needs."""
    command = [sys.executable, "-I", "-m", "credicorp_auth", "token"]
    ran = subprocess.run(command, capture_output=True, check=False, text=True)
    assert 2 == ran.returncode, ran
    assert "pip install '.[cli]'" in ran.stderr, ran.stderr


for check in (check_import, check_token, check_folders, check_command):
    check()
    print("ok", check.__doc__)
