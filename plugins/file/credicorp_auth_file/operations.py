"""Operating system calls of the cache, in one place so that tests can make them fail."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from secrets import token_hex
from typing import Any, Final

from attrs import frozen
from filelock import lock_descriptor, unlock_descriptor

from credicorp_auth.plugin.api.clocks import monotonic, wall

Call = Callable[..., Any]

_POSIX: Final = {os.open, os.stat, os.rename, os.unlink} <= os.supports_dir_fd and all(
    hasattr(os, each)
    for each in ("geteuid", "fchmod", "O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "O_CLOEXEC")
)


def _lock(descriptor: int) -> bool:
    return lock_descriptor(descriptor, blocking=False)


# Two calls instead of one: each user of a lock file's descriptor holds that file's guard.
def _pread(descriptor: int, size: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, size)


def _pwrite(descriptor: int, content: bytes, offset: int) -> int:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.write(descriptor, content)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # looked up when called: gevent and eventlet replace it


def _name() -> str:
    return token_hex(8)


_PREAD: Final = getattr(os, "pread", _pread)
_PWRITE: Final = getattr(os, "pwrite", _pwrite)
_FCHMOD: Final[Any] = getattr(os, "fchmod", None)
_USER: Final[Any] = getattr(os, "geteuid", None)


@frozen
class Operations:
    """
    The calls, each under its name in `os` or `time`.

    Args:
        posix: Whether files have owners and modes, are reached through their folder's descriptor,
            and may be replaced while they are open; on Windows, none of it.
        fchmod: Sets the mode of an open file; called only if `posix`, as is `user`.
        lock: Takes the kernel's lock on a descriptor and returns True, or returns False if it is
            already held.
        unlock: Releases the lock.
        name: Returns an unpredictable file name.
        wall: Returns the wall clock in epoch seconds.
    """

    posix: bool = _POSIX
    open: Call = os.open
    close: Callable[[int], None] = os.close
    read: Callable[[int, int], bytes] = os.read
    write: Call = os.write
    pread: Callable[[int, int, int], bytes] = _PREAD
    pwrite: Callable[[int, bytes, int], int] = _PWRITE
    fsync: Callable[[int], None] = os.fsync
    fstat: Callable[[int], os.stat_result] = os.fstat
    fchmod: Call = _FCHMOD
    stat: Call = os.stat
    utime: Call = os.utime
    rename: Call = os.replace  # which replaces on Windows too
    unlink: Call = os.unlink
    mkdir: Callable[[str, int], None] = os.mkdir
    listdir: Call = os.listdir
    user: Callable[[], int] = _USER
    lock: Callable[[int], bool] = _lock
    unlock: Callable[[int], None] = unlock_descriptor
    name: Callable[[], str] = _name
    wall: Callable[[], float] = wall
    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], None] = _sleep


SYSTEM: Final = Operations()
"""The real operating system."""
