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


def _lock(descriptor: int) -> bool:
    return lock_descriptor(descriptor, blocking=False)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)  # looked up when called: gevent and eventlet replace it


def _name() -> str:
    return token_hex(8)


@frozen
class Operations:
    """
    The calls, each under its name in `os` or `time`.

    Args:
        lock: Takes the kernel's lock on a descriptor and returns True, or returns False if it is
            already held.
        unlock: Releases the lock.
        name: Returns an unpredictable file name.
        wall: Returns the wall clock in epoch seconds.
    """

    open: Call = os.open
    close: Callable[[int], None] = os.close
    read: Callable[[int, int], bytes] = os.read
    write: Call = os.write
    pread: Callable[[int, int, int], bytes] = os.pread
    pwrite: Callable[[int, bytes, int], int] = os.pwrite
    fsync: Callable[[int], None] = os.fsync
    fstat: Callable[[int], os.stat_result] = os.fstat
    fchmod: Callable[[int, int], None] = os.fchmod
    stat: Call = os.stat
    utime: Call = os.utime
    rename: Call = os.rename
    unlink: Call = os.unlink
    mkdir: Callable[[str, int], None] = os.mkdir
    listdir: Callable[[int], list[str]] = os.listdir
    user: Callable[[], int] = os.geteuid
    lock: Callable[[int], bool] = _lock
    unlock: Callable[[int], None] = unlock_descriptor
    name: Callable[[], str] = _name
    wall: Callable[[], float] = wall
    monotonic: Callable[[], float] = monotonic
    sleep: Callable[[float], None] = _sleep


SYSTEM: Final = Operations()
"""The real operating system."""
