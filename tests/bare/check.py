"""
The core wheel with its core dependencies and nothing else: a token, over a real socket.

Run by the `bare` environment, where no test library is installed either.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

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


def check_token() -> None:
    """A token can be had with the core dependencies alone."""
    from credicorp_auth import CredicorpAuth

    server = HTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with CredicorpAuth(
        base_url=f"http://127.0.0.1:{server.server_port}/partner/v1",
        client_id="bare",
        client_secret="bare",
    ) as auth:
        assert "Bearer bare" == auth.header()
    server.shutdown()
    server.server_close()


def check_command() -> None:
    """Without its extra the command says which one it needs."""
    command = [sys.executable, "-I", "-m", "credicorp_auth", "token"]
    ran = subprocess.run(command, capture_output=True, check=False, text=True)
    assert 2 == ran.returncode, ran
    assert "pip install 'credicorp-auth[cli]'" in ran.stderr, ran.stderr


for check in (check_import, check_token, check_command):
    check()
    print("ok", check.__doc__)
