"""
Transport `requests`, and an auth object that attaches the token to requests.

Names are imported on first access, so that inspecting the plugin does not load requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lazy import names_from

if TYPE_CHECKING:
    from credicorp_auth_requests.auth import BearerAuth
    from credicorp_auth_requests.transport import RequestsTransport, TransportOptions

__all__ = ["BearerAuth", "RequestsTransport", "TransportOptions"]

__getattr__ = names_from(
    __name__,
    {"BearerAuth": "auth", "RequestsTransport": "transport", "TransportOptions": "transport"},
)
