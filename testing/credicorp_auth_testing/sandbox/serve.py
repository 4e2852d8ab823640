"""Sandbox program: prints one READY line, then serves until it is stopped."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import IO, TYPE_CHECKING

from credicorp_auth_testing.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from credicorp_auth_testing.sandbox.settings import SandboxSettings


def serve(settings: SandboxSettings, stdout: IO[str]) -> None:
    """
    Serve until SIGTERM or SIGINT.

    The first and only line on `stdout` is JSON: `ready` is true, beside the settings of a client.
    Its client_secret is a dummy that no other server knows.

    Args:
        settings: The initial settings of the sandbox.
        stdout: The stream of the READY line.
    """
    stop = threading.Event()

    def announce_stop(*_: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, announce_stop)
    with Sandbox(settings) as sandbox:
        print(json.dumps(ready(sandbox)), file=stdout, flush=True)
        stop.wait()


def ready(sandbox: Sandbox) -> dict[str, object]:
    """Return the content of the READY line."""
    return {
        "ready": True,
        "base_url": sandbox.base_url,
        "token_url": sandbox.token_url,
        "jwks_url": sandbox.jwks_url,
        "issuer": sandbox.issuer,
        "audience": sandbox.settings.audience,
        "client_id": sandbox.client_id,
        "client_secret": sandbox.client_secret,
        "control_key": sandbox.control_key,
        "pid": os.getpid(),
    }
