"""Entry point of the cache `memory`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Cache
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API: Final = 1


@hookimpl
def credicorp_cache(options: AdapterOptions) -> Cache:  # noqa: D103 # documented by the hookspec
    from credicorp_auth_memory.cache import CacheOptions, open_cache  # noqa: PLC0415 # imported only if chosen

    return open_cache(options.read(CacheOptions))
