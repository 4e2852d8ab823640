"""
Transport `urllib3`, and a pool manager that attaches the token to its requests.

Names are imported on first access, so that inspecting the plugin does not load urllib3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.lazy import names_from

if TYPE_CHECKING:
    from credicorp_auth_urllib3.pool import BearerPoolManager
    from credicorp_auth_urllib3.transport import TransportOptions, Urllib3Transport

__all__ = ["BearerPoolManager", "TransportOptions", "Urllib3Transport"]

__getattr__ = names_from(
    __name__,
    {"BearerPoolManager": "pool", "TransportOptions": "transport", "Urllib3Transport": "transport"},
)
