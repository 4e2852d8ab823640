"""Fixtures that start each example by its README's command, with a sandbox that issues tokens."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import urllib3

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.sandbox import Sandbox
from credicorp_auth_urllib3 import BearerPoolManager

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = (
    Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[3]) / "examples/services"
)


class Service(NamedTuple):
    """A running example, a client with a token, and one without."""

    url: str
    sandbox: Sandbox
    http: BearerPoolManager
    stranger: urllib3.PoolManager


@pytest.fixture(scope="module", params=["asgi", "fastapi", "flask", "quart", "starlette"])
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    """Run each of the examples in turn."""
    folder = FOLDER / request.param
    shown = re.search(r"^\$ (python -m .*)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert shown is not None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, *shlex.split(shown[1].replace("8000", str(port)))[1:]]
    url = f"http://127.0.0.1:{port}"
    with Sandbox() as sandbox:
        environ = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
            "CREDICORP_BASE_URL": sandbox.base_url,
            "CREDICORP_ISSUER": sandbox.issuer,
            "CREDICORP_AUDIENCE": sandbox.settings.audience,
        }
        auth = CredicorpAuth(
            base_url=sandbox.base_url,
            client_id=sandbox.client_id,
            client_secret=sandbox.client_secret,
            allowed_origins=[url],
        )
        with subprocess.Popen(command, env=environ, cwd=folder) as process, auth:
            try:
                wait_for(port, process)
                with BearerPoolManager(auth) as http, urllib3.PoolManager() as stranger:
                    yield Service(url, sandbox, http, stranger)
            finally:
                process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the service accepts connections."""
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"the service has ended with {process.returncode}")
