"""
Adapter ports: the interfaces that plugins implement.

Ports are small and synchronous. The engine calls an adapter on its own threads; callers, whether
threads or tasks, only wait. Each adapter declares in `capabilities` what it supports beyond the
minimum. The contract tests read that declaration.
"""

from __future__ import annotations

from credicorp_auth.plugin.api.cache import (
    BoundedCache,
    Cache,
    CacheCapabilities,
    CacheEntry,
    ListingCache,
)
from credicorp_auth.plugin.api.lease import (
    MOST_NUMBER,
    Lease,
    LeaseState,
    LeasingCache,
    sound_number,
)
from credicorp_auth.plugin.api.options import Provider
from credicorp_auth.plugin.api.secret_source import (
    FetchedSecret,
    SecretSource,
    SecretSourceCapabilities,
)
from credicorp_auth.plugin.api.transport import Transport, TransportCapabilities

__all__ = [
    "MOST_NUMBER",
    "BoundedCache",
    "Cache",
    "CacheCapabilities",
    "CacheEntry",
    "FetchedSecret",
    "Lease",
    "LeaseState",
    "LeasingCache",
    "ListingCache",
    "Provider",
    "SecretSource",
    "SecretSourceCapabilities",
    "Transport",
    "TransportCapabilities",
    "sound_number",
]
