"""Sandbox as a separate process, used as any program would use it."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

import urllib3

if TYPE_CHECKING:
    from types import TracebackType


class SandboxProcess:
    """
    Runs `credicorp-auth sandbox`, waits for its READY line, and stops it at the end.

    Args:
        *options: Options of the command.
    """

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "credicorp_auth", "sandbox", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._http = urllib3.PoolManager()
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        self.ready = json.loads(self._process.stdout.readline())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.clear()
        self._process.terminate()
        self._process.communicate()

    def _request(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        headers = {"Sandbox-Control-Key": self.ready["control_key"]}
        url = f"{self.ready['issuer']}/_sandbox/{path}"
        return self._http.request(method, url, headers=headers, json=body).json()

    def command(self, name: str, **body: Any) -> None:  # noqa: ANN401 - JSON
        """Send a command to the control plane."""
        self._request("POST", name, body)

    def counters(self) -> dict[str, Any]:
        """Return the server's counters."""
        counted: dict[str, Any] = self._request("GET", "counters")
        return counted
