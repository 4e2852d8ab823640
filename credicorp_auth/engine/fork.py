"""
Fork handler: resets engines in a forked child process.

Only the forking thread exists in the child: a lock that another thread held stays locked for ever,
an in-flight call never completes, and sockets are shared with the parent. All of them are dropped
before other code runs in the child.
"""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class Forkable(Protocol):
    """An object that must be reset in a forked child."""

    def after_fork(self) -> None:
        """Drop what belongs to the parent process."""


_ENGINES: Final[weakref.WeakSet[Forkable]] = weakref.WeakSet()


def renew_after_fork(engine: Forkable) -> None:
    """Call `engine.after_fork()` in each forked child, for as long as the object exists."""
    _ENGINES.add(engine)


def _renew_all() -> None:
    for engine in list(_ENGINES):
        engine.after_fork()


if hasattr(os, "register_at_fork"):  # absent on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
