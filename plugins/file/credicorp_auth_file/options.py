"""Options of the cache `file`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from attrs import field, frozen
from platformdirs import user_cache_dir

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.api.options import read_encryption_key

if TYPE_CHECKING:
    from os import PathLike

    from credicorp_auth.http.secret import Secret

_MOST_OF_A_NAME: Final = 255  # bytes, on every file system in use
_MOST_OF_A_PATH: Final = 3_900  # bytes: PATH_MAX, less the longest name of a file in the folder


def _read_directory(value: str | PathLike[str] | None) -> str:
    path = _default_directory() if value is None else os.fsdecode(value)
    if not path.isprintable():
        raise _bad_path("holds characters that no path needs")
    if path.startswith("~/"):
        path = os.path.expanduser(path)  # noqa: PTH111 # a string goes in and comes out
        if path.startswith("~/"):
            raise _bad_path("is below the home folder, and this user has none")
    return normalize_directory(PurePath(path))


def normalize_directory(path: PurePath) -> str:
    """
    Return a path as text without redundant parts.

    Args:
        path: The path, in the form of this or another system.

    Raises:
        InvalidSetting: It is not absolute, too long, or not of plain names (`config.cache_path`).
    """
    if not path.is_absolute():
        # Processes that share a cache need not share a working directory.
        raise _bad_path("is not absolute")
    names = path.parts[1:]
    if not names:
        raise _bad_path("is the root of all folders")
    if ".." in names:
        raise _bad_path("leads through `..`")
    # `encode` cannot fail: undecodable bytes are not printable, and were refused above.
    longest = max(len(name.encode()) for name in names)
    if longest > _MOST_OF_A_NAME or len(str(path).encode()) > _MOST_OF_A_PATH:
        raise _bad_path("is too long")
    # POSIX leaves it to the system what two slashes mean; all that we know take them for one.
    return "/" + "/".join(names) if path.root == "//" else str(path)


def _default_directory() -> str:
    with suppress(RuntimeError):  # a user id of a container that no user database knows
        return user_cache_dir("credicorp-auth", appauthor=False)
    return "~/.cache/credicorp-auth"


def _bad_path(message: str) -> InvalidSetting:
    return InvalidSetting(
        f"`directory` {message}",
        code="config.cache_path",
        hint="set `directory` to an absolute path, or one that starts with ~/, of plain names.",
    )


@frozen
class CacheOptions:
    """
    Options of the cache `file`.

    Args:
        directory (path, absolute or after `~/`; default: `credicorp-auth` in the user's cache
            folder): Folder of the entries. It is for this cache alone, and is created when the
            first entry is stored.
        encryption_key (name of a field, or `Secret`; default: none): Key to encrypt entries with:
            the name of a secret source field that holds it, or the key itself as a `Secret`.
            Without it, entries are not encrypted.
    """

    directory: str = field(default=None, converter=_read_directory)
    encryption_key: str | Secret | None = field(default=None, converter=read_encryption_key)
