"""
Transports `httpx` and `httpx2`, and an auth object for the clients of both libraries.

Names are imported on first access, so that inspecting the plugin loads neither library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_httpx.auth import BearerAuth
    from credicorp_auth_httpx.transport import HttpxTransport, TransportOptions

__all__ = ["BearerAuth", "HttpxTransport", "TransportOptions"]


def __getattr__(name: str) -> object:
    if name == "BearerAuth":
        from credicorp_auth_httpx import auth  # noqa: PLC0415 # imported on first access

        return auth.BearerAuth
    if name in __all__:
        from credicorp_auth_httpx import transport  # noqa: PLC0415 # imported on first access

        return getattr(transport, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
