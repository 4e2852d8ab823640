"""
What happens to engines in the child of a fork.

Only the thread that forked lives on in the child: a lock that another thread held stays locked for
ever, a call never lands, and a socket is shared with the parent. All of it is dropped at once,
before any code of the child runs.
"""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class Forkable(Protocol):
    """Something that must be told when it wakes up in a child process."""

    def after_fork(self) -> None:
        """Drop what belongs to the parent."""


_ENGINES: Final[weakref.WeakSet[Forkable]] = weakref.WeakSet()


def renew_after_fork(engine: Forkable) -> None:
    """See to it that `engine.after_fork()` is called in each child, for as long as it lives."""
    _ENGINES.add(engine)


def _renew_all() -> None:
    for engine in list(_ENGINES):
        engine.after_fork()


if hasattr(os, "register_at_fork"):  # pragma: no branch - absent on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
