"""
Lock that is held while its holder waits for something else, such as a response.

gevent and eventlet replace `threading.Lock`, and a program may do so after it built its objects: in
a worker process that was forked from one that had imported everything. An original lock would then
stop the one thread that all greenlets share, its holder among them, for ever. A lock that is held
for a few instructions only, between which no greenlet takes over, may be an original one.
"""

from __future__ import annotations

import threading


class LateLock:
    """
    A lock of the kind that `threading.Lock` makes at the time it is asked for.

        with self._lock.current():
            ...

    .. versionadded:: 1.0.0
    """

    def __init__(self) -> None:
        self._kind = threading.Lock
        self._lock = self._kind()

    def current(self) -> threading.Lock:
        """Return the lock: the same one each time, until `threading.Lock` is replaced."""
        if self._kind is not threading.Lock:
            self._kind = threading.Lock
            self._lock = self._kind()
        return self._lock
