"""
Lock that is held while its holder waits for something else, such as a response.

gevent and eventlet replace `threading.Lock`, and a program may do so after it built its objects: in
a worker process that was forked from one that had imported everything. An original lock would then
stop the one thread that all greenlets share, its holder among them, for ever. A lock that is held
for a few instructions only, between which no greenlet takes over, may be an original one.

In a forked child it is a new lock, since a thread of the parent may have held the old one.
"""

from __future__ import annotations

import os
import threading


class _Process:
    """The process that this code runs in."""

    forks = 0  # between it and the process that imported this module


def _note_fork() -> None:
    _Process.forks += 1


if hasattr(os, "register_at_fork"):  # absent on Windows, which cannot fork
    os.register_at_fork(after_in_child=_note_fork)


class LateLock:
    """
    A lock of this process, of the kind that `threading.Lock` makes at the time it is asked for.

        with self._lock.current():
            ...

    .. versionadded:: 1.0.0
    """

    def __init__(self) -> None:
        self._kind, self._forks = threading.Lock, _Process.forks
        self._lock = self._kind()

    def current(self) -> threading.Lock:
        """Return the lock: the same one each time in one process, unless `Lock` is replaced."""
        if self._kind is not threading.Lock or self._forks != _Process.forks:
            self._kind, self._forks = threading.Lock, _Process.forks
            self._lock = self._kind()
        return self._lock
