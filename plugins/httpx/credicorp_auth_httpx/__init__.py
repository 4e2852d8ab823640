"""
Transports `httpx` and `httpx2`, and an auth object for the clients of both libraries.

Names are imported on first access, so that inspecting the plugin loads neither library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lazy import names_from

if TYPE_CHECKING:
    from credicorp_auth_httpx.auth import BearerAuth
    from credicorp_auth_httpx.transport import HttpxTransport, TransportOptions

__all__ = ["BearerAuth", "HttpxTransport", "TransportOptions"]

__getattr__ = names_from(
    __name__, {"BearerAuth": "auth", "HttpxTransport": "transport", "TransportOptions": "transport"}
)
