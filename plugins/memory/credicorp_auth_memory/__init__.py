"""Cache `memory`: token entries in the memory of the process."""

from __future__ import annotations

from credicorp_auth_memory.cache import CacheOptions, MemoryCache

__all__ = ["CacheOptions", "MemoryCache"]
