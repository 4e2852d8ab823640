"""
Transport `requests`, and an auth object that attaches the token to requests.

Names are imported on first access, so that inspecting the plugin does not load requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_requests.auth import BearerAuth
    from credicorp_auth_requests.transport import RequestsTransport, TransportOptions

__all__ = ["BearerAuth", "RequestsTransport", "TransportOptions"]


def __getattr__(name: str) -> object:
    if name == "BearerAuth":
        from credicorp_auth_requests import auth  # noqa: PLC0415 # loads requests

        return auth.BearerAuth
    if name in __all__:
        from credicorp_auth_requests import transport  # noqa: PLC0415 # loads requests

        return getattr(transport, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
