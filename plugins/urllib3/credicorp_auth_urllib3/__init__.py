"""
Transport `urllib3`, and a pool manager that attaches the token to its requests.

Names are imported on first access, so that inspecting the plugin does not load urllib3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_urllib3.pool import BearerPoolManager
    from credicorp_auth_urllib3.transport import TransportOptions, Urllib3Transport

__all__ = ["BearerPoolManager", "TransportOptions", "Urllib3Transport"]


def __getattr__(name: str) -> object:
    if name == "BearerPoolManager":
        from credicorp_auth_urllib3 import pool  # noqa: PLC0415 # loads urllib3

        return pool.BearerPoolManager
    if name in __all__:
        from credicorp_auth_urllib3 import transport  # noqa: PLC0415 # loads urllib3

        return getattr(transport, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
