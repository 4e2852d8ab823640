"""credicorp-auth's cache in memory: the cache `memory`."""

from __future__ import annotations

from credicorp_auth_memory.cache import CacheOptions, MemoryCache

__all__ = ["CacheOptions", "MemoryCache"]
