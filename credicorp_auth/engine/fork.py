"""
Forks: the generation of this process, and adapters that must be reset in a forked child.

Only the forking thread exists in the child: an in-flight call of the parent never completes there,
and sockets are shared with the parent. Each call and each table knows the generation of the process
that made it, so the engine needs no handler. Only adapters have one, which runs before any other
code of the child.
"""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class Process:
    """The process that this code runs in; `generation` is higher in each forked child."""

    generation = 0


class Forkable(Protocol):
    """An object that must be reset in a forked child."""

    def after_fork(self) -> None:
        """Drop what belongs to the parent process."""


_OWNERS: Final[weakref.WeakSet[Forkable]] = weakref.WeakSet()


def renew_after_fork(owner: Forkable) -> None:
    """Call `owner.after_fork()` in each forked child, for as long as the object exists."""
    _OWNERS.add(owner)


def _renew_all() -> None:
    Process.generation += 1
    for owner in list(_OWNERS):
        owner.after_fork()


if hasattr(os, "register_at_fork"):  # absent on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
