"""What a refusal of the operating system, or of our own, means to the engine."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Final, TypeVar

from credicorp_auth.errors import CacheUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Somebody has to change something; waiting does not help.
_FORBIDDEN: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENOTDIR, errno.ENXIO}
)


def perform(where: str, work: Callable[[], T]) -> T:
    """
    Do what touches files, and tell trouble as one of our errors, without what led to it.

    A traceback keeps the locals of every frame it went through, and those hold entries; so what is
    raised here is a new error, made after the old one was let go.

    Args:
        where: The folder, for the message.
        work: What to do.

    Raises:
        CacheUnavailable: It cannot be done.
    """
    try:
        return work()
    except CacheUnavailable as refusal:
        trouble = refusal.copy()
    except OSError as failure:
        trouble = _explain(where, failure)
    raise trouble


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
        message: What is wrong with it.
        code: `cache.permissions` or `cache.lock_unsafe`.
    """
    return CacheUnavailable(
        f"{ascii(path)[1:-1]} {message}",
        code=code,
        hint="let folder and files belong to this user alone, with modes 0700 and 0600, and no "
        "links among them; clearing the cache removes files that are not so.",
    )


def find_fault(found: os.stat_result, *, user: int) -> str | None:
    """
    Say what makes a file unfit to be one of ours, or None.

    Args:
        found: The file, as it was opened.
        user: Who we are.
    """
    if not stat.S_ISREG(found.st_mode):
        return "is not a regular file"
    if found.st_uid != user:
        return f"belongs to user {found.st_uid}"
    if found.st_mode & 0o077:
        return f"has mode {stat.S_IMODE(found.st_mode):04o}, so others can use it"
    # None is left of one that was replaced while it was open.
    return "has several names" if found.st_nlink > 1 else None
