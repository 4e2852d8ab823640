"""
Cache `redis`: token entries in Redis, shared by a whole fleet.

Names are imported on first access, so that inspecting the plugin does not load redis-py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_redis.cache import RedisCache
    from credicorp_auth_redis.options import CacheOptions

__all__ = ["CacheOptions", "RedisCache"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from credicorp_auth_redis import cache  # noqa: PLC0415 # loads redis-py

        return getattr(cache, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
