"""Errors for file operations that the operating system or a safety check refuses."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final, TypeVar

from credicorp_auth.errors import CacheUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# These need a change of configuration; a retry does not help.
_FORBIDDEN: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOTDIR, errno.ENXIO}
)


def perform(where: str, work: Callable[[], T]) -> T:
    """
    Run a file operation, and convert its failures to `CacheUnavailable`.

    The error is a new one without a cause, built after the original was dropped: a traceback
    keeps the locals of every frame it passed, and those hold entries.

    Args:
        where: The folder, for the message.
        work: The operation.

    Raises:
        CacheUnavailable: The operation failed.
    """
    try:
        return work()
    except CacheUnavailable as refusal:
        reported = refusal.copy()
    except OSError as failure:
        reported = _explain(where, failure)
    raise reported


def _explain(where: str, failure: OSError) -> CacheUnavailable:
    reason = os.strerror(failure.errno or 0)
    if failure.errno in _FORBIDDEN:
        return refuse(where, f"cannot be used by this process ({reason})")
    return CacheUnavailable(f"the cache in {where} failed ({reason})", retryable=True)


def refuse(path: str, message: str, *, code: str = "cache.permissions") -> CacheUnavailable:
    """
    Build the error for a path that must not be trusted.

    Args:
        path: The path.
        message: The problem, worded to follow the path.
        code: `cache.permissions` or `cache.lock_unsafe`.
    """
    return CacheUnavailable(
        f"{ascii(path)[1:-1]} {message}",
        code=code,
        hint="let folder and files belong to this user alone, with modes 0700 and 0600, and no "
        "links among them; clearing the cache removes files that are not so.",
    )
