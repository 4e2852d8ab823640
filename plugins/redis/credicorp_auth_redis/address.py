"""Server addresses."""

from __future__ import annotations

import socket
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import frozen

from credicorp_auth.http.messages import may_carry_token

SOCKET_FILE: Final[Any] = getattr(socket, "AF_UNIX", None)
"""Family of sockets that are files; None on Windows."""


@frozen
class Address:
    """
    The address of a server.

    Args:
        host: Host name, IP address without brackets, or path of a socket file.
        port: TCP port; 0 if `host` is a path.
    """

    host: str
    port: int

    @property
    def is_path(self) -> bool:
        """Return whether it is a socket file."""
        return self.port == 0

    @property
    def is_near(self) -> bool:
        """Return whether traffic stays on this machine: a socket file, or exact loopback."""
        return self.is_path or may_carry_token(f"http://{self}")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str, *, default_port: int) -> Address:
    """
    Read `host`, `host:port` or `[v6]:port`.

    Args:
        text: The address as configured or received.
        default_port: Port to use if the text names none.

    Raises:
        ValueError: The text has another form.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname or "@" in text or parts.netloc != text or parts.port == 0:
        raise ValueError
    return Address(parts.hostname, parts.port or default_port)
