"""Flask service that verifies its callers' tokens, and needs a token itself."""

from __future__ import annotations

import os
import socket
import threading
import time

from flask import Flask

from credicorp_auth import CredicorpAuth, TokenVerifier
from credicorp_auth.resource.flask import Guard

app = Flask(__name__)
verifier = TokenVerifier(
    issuer="https://as.example",
    audience="api",
    jwks_url=os.environ["WORLD_KEYS"],
    discovery="off",
    timeout=60,
)
auth = CredicorpAuth(
    base_url=os.environ["WORLD_SERVER"], client_id="id", client_secret="s", timeout=60
)
guard = Guard(verifier)
guard.install(app, public=("static",))
has_begun = []


def send_beats() -> None:
    """Send a beat every few milliseconds."""
    with socket.create_connection(("127.0.0.1", int(os.environ["WORLD_PULSE"]))) as pulse:
        while True:
            time.sleep(0.002)
            pulse.sendall(b".")


@app.get("/me")
@guard.requires("decisions:read")
def read() -> str:
    """Return the service's own token."""
    return auth.get_token().value.reveal()


class Beating:
    """The application; the first request starts the beats, in the worker's own world."""

    def __call__(self, environ, start_response):
        if not has_begun:
            has_begun.append(True)
            threading.Thread(target=send_beats, daemon=True).start()
        return app(environ, start_response)


application = Beating()
