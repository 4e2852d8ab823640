"""Where a server is."""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import frozen

from credicorp_auth.http.messages import may_carry_token


@frozen
class Address:
    """
    Where a server listens.

    Args:
        host: Name or address without brackets, or the path of a socket file.
        port: TCP port; 0 where `host` is a path.
    """

    host: str
    port: int

    @property
    def is_path(self) -> bool:
        """Whether it is a socket file of this machine."""
        return self.port == 0

    @property
    def is_near(self) -> bool:
        """Whether nothing leaves this machine: a socket file, or exact loopback."""
        return self.is_path or may_carry_token(f"http://{self}")

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str, *, default_port: int) -> Address:
    """
    Read `host`, `host:port` or `[v6]:port`.

    Args:
        text: What was written.
        default_port: Where it names none.

    Raises:
        ValueError: It is none of these.
    """
    parts = urlsplit(f"//{text}")
    if not parts.hostname or "@" in text or parts.netloc != text or parts.port == 0:
        raise ValueError
    return Address(parts.hostname, parts.port or default_port)
