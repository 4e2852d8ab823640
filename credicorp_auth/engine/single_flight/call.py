"""
Calls: one story, lived once, for everyone who asked while it lasted.

Theory of operation. When a token is needed and no call for it is under way, one is started; all
who come while it lasts wait for the same one. The call belongs to none of them. It runs on a
short-lived daemon thread of the engine, and callers, threads and tasks of any event loop alike,
merely wait for it to land, each to its own deadline. This is why

- a cancelled task, a blocked or closed event loop or an impatient caller harms nobody else: it was
  only waiting;
- the story is written once, synchronously: async is a way of waiting;
- nobody can starve: the call needs no slot in a thread pool that waiters might have filled;
- the process can exit in mid-flight: the thread is a daemon.

A call has a deadline of its own. Past it, by the boot clock, it counts as lost (the process was
frozen, a resolver hangs) and the next caller starts another; should the lost one come home after
all, its token counts only if it is newer than the one held.

The slot (see slot.py) guards its call and its held token by one lock, held for a few instructions
and never across input, output or a wait. The landing order matters: the token is held before the
call leaves the entry, in one locked step, so that nobody can find neither.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from credicorp_auth.errors import AdapterBroken, CredicorpAuthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.lifecycle.runtime import ObtainedToken

T = TypeVar("T")

IN_FLIGHT: Final[contextvars.ContextVar[tuple[object, ...]]] = contextvars.ContextVar(
    "credicorp_auth_flying", default=()
)
"""The slots whose calls the current context is part of: asking for one of them is circular."""


class InFlightCall:
    """
    One attempt to bring a token home.

    Args:
        deadline: Moment of the boot clock after which the call counts as lost.
        cache_only: Whether it looks into the cache and no further.
    """

    __slots__ = ("cache_only", "deadline", "outcome", "waiters")

    def __init__(self, deadline: float, *, cache_only: bool = False) -> None:
        self.deadline = deadline
        self.cache_only = cache_only
        self.waiters: list[Waiter] = []
        self.outcome: ObtainedToken | CredicorpAuthError | None = None


def run_guarded(story: Callable[[], T]) -> T | CredicorpAuthError:
    """Run a story to its outcome: what it brought, or why it brought nothing."""
    try:
        return story()
    except CredicorpAuthError as error:
        # The traceback would keep the story's frames alive for as long as the error is remembered.
        return error.with_traceback(None)
    except BaseException as crash:  # noqa: BLE001 - whatever happens, the waiters must hear of it
        crashed = type(crash).__name__
    return AdapterBroken(
        f"a flight for a token ended in {crashed}",
        code="flight.crashed",
        hint="try again; if it lasts and is not of your own making, report it.",
        retryable=True,
    )


def start_thread(name: str, run: Callable[[], None]) -> bool:
    """
    Start a short-lived daemon thread, with the caller's context copied.

    Returns:
        False where no thread can start any more, because the interpreter is going down or the
        system has none left.
    """
    # On Python 3.11 starting a thread after the main thread has ended hangs for ever.
    if not threading.main_thread().is_alive():
        return False
    context = contextvars.copy_context()
    try:
        threading.Thread(target=context.run, args=(run,), name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True


def start_or_run(name: str, run: Callable[[], None]) -> None:
    """Run something on a thread of its own; here and now where none can start."""
    if not start_thread(name, run):
        contextvars.copy_context().run(run)
