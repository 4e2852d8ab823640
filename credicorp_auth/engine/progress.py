"""Progress of a shared call: which adapter has it, so that one that hangs is named."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import DeadlinePassed

if TYPE_CHECKING:
    from collections.abc import Generator

_HINTS: Final = {
    "cache": "check the cache: its call does not end; or choose another with `cache`.",
    "secrets": "check the secret source: its call does not end; or allow more time with `timeout`.",
    "observer": "make the observer return at once, and do its work on a thread of its own.",
}


class Progress:
    """
    The adapter that a shared call waits for, written by the thread that runs the call.

    Args:
        stage: The kind of adapter and its method, such as `cache.read`; empty if it waits for none.
        adapter: The adapter, with its distribution.
    """

    __slots__ = ("_thread", "adapter", "followed", "stage")

    def __init__(self) -> None:
        self._thread = 0
        self.stage = self.adapter = ""
        self.followed: Progress | None = None  # of the call that this call waits for

    def begin(self) -> None:
        """Make this the progress of the calling thread, from now on."""
        self._thread = threading.get_ident()
        _PROGRESS.set(self)

    def is_of_this_thread(self) -> bool:
        """Return whether the calling thread runs the call; a lease is renewed by another."""
        return self._thread == threading.get_ident()

    def deadline_passed(self, message: str) -> DeadlinePassed:
        """Build the error for a caller that waited in vain; it names the adapter at work."""
        at_work = self if self.stage else self.followed or self
        stage, adapter = at_work.stage, at_work.adapter
        if not stage:
            return DeadlinePassed(message)
        error = DeadlinePassed(
            f"{message}: `{stage}` of {adapter} has not returned",
            hint=_HINTS.get(stage.partition(".")[0]),
        )
        error.stage, error.adapter = stage, adapter
        return error


_PROGRESS: Final[ContextVar[Progress | None]] = ContextVar("credicorp_auth_progress", default=None)


@contextmanager
def waiting_for(stage: str, adapter: object) -> Generator[None]:
    """
    Record the adapter that the shared call of this thread waits for, if it runs one.

    Args:
        stage: The kind of adapter and its method, such as `cache.read`.
        adapter: Its provider, or its name.
    """
    progress = _PROGRESS.get()
    if progress is None or not progress.is_of_this_thread():
        yield
        return
    before = progress.stage, progress.adapter
    progress.adapter, progress.stage = str(adapter), stage
    try:
        yield
    finally:
        progress.stage, progress.adapter = before


@contextmanager
def following(other: Progress) -> Generator[None]:
    """
    Record that the shared call of this thread, if it runs one, waits for another call.

    Args:
        other: The progress of that call.
    """
    progress = _PROGRESS.get()
    if progress is None or not progress.is_of_this_thread():
        yield
        return
    progress.followed = other
    try:
        yield
    finally:
        progress.followed = None
