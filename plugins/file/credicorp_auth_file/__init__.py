"""Cache `file`: token entries in files, shared by the processes of one host."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from credicorp_auth_file.cache import CacheOptions, FileCache

__all__ = ["CacheOptions", "FileCache"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from credicorp_auth_file import cache  # noqa: PLC0415 # loads filelock

        return getattr(cache, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
