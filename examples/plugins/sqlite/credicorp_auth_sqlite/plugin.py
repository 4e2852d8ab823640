"""Entry point of the cache `sqlite`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.plugin.api.hookspecs import hookimpl

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Cache
    from credicorp_auth.plugin.api.options import AdapterOptions

CREDICORP_API = 1


@hookimpl
def credicorp_cache(options: AdapterOptions) -> Cache:
    """Build the cache; heavy imports happen here, only if it is chosen."""
    from credicorp_auth_sqlite.cache import Options, SqliteCache  # noqa: PLC0415 - imported only if chosen

    return SqliteCache(options.read(Options))
