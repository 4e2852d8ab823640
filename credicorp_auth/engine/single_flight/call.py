"""
In-flight calls: one run of the token lifecycle, shared by all concurrent callers.

Theory of operation. If a token is needed and no call for it is in flight, one is started. All
callers that come before it completes wait for it. No caller owns the call: it runs on a
short-lived daemon thread of the engine. Threads and tasks of any event loop only wait for it to
complete, each up to its own deadline. Therefore

- a cancelled task, a blocked or closed event loop or a short timeout affects no other caller;
- the lifecycle is written once, synchronously: only the waiting is async;
- waiters cannot starve the call: it needs no worker of a thread pool that they might fill;
- the process can exit during a call: the thread is a daemon.

A call has its own deadline. Past it, by the boot clock, the call counts as lost (the process was
frozen, a resolver hangs) and the next caller starts another. If the lost call completes after all,
its token is kept only if it is newer than the held one.

One lock of the token entry (see tokens/entry.py) guards its call and its held token. It is held
for a few instructions and never across I/O or a wait. Completion stores the token before it
removes the call, in one locked step, so that every caller finds one of the two.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from credicorp_auth.engine.progress import Progress
from credicorp_auth.errors import AdapterBroken, AdapterFailure, CredicorpAuthError
from credicorp_auth.plugin.api.adapter_failure import describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.runtime import ObtainedToken

T = TypeVar("T")

IN_FLIGHT: Final[contextvars.ContextVar[tuple[object, ...]]] = contextvars.ContextVar(
    "credicorp_auth_flying", default=()
)
"""The token entries (or other owners) whose calls run in the current context.

Asking for one of them from inside its own call is reentrant and would deadlock.
"""


class InFlightCall:
    """
    One attempt to obtain a token.

    Args:
        deadline: Boot-clock time after which the call counts as lost.
        cache_only: True if the call reads the cache but never asks the token endpoint.
    """

    __slots__ = ("cache_only", "deadline", "outcome", "progress", "waiters")

    def __init__(self, deadline: float, *, cache_only: bool = False) -> None:
        self.deadline = deadline
        self.cache_only = cache_only
        self.progress = Progress()
        self.waiters: list[Waiter] = []
        self.outcome: ObtainedToken | CredicorpAuthError | None = None


def run_guarded(
    operation: Callable[[], T], secrets: Callable[[], Collection[Secret]] | None = None
) -> T | CredicorpAuthError:
    """
    Run a function and return its result or its error; never raise.

    Args:
        operation: The function.
        secrets: Returns the secrets that a crash's text may hold; None leaves the text out.
    """
    try:
        return operation()
    except CredicorpAuthError as error:
        # The traceback would keep the function's frames alive for as long as the error is kept.
        return error.with_traceback(None)
    except BaseException as crash:  # noqa: BLE001 - the waiters must get an outcome
        crashed = type(crash).__name__
        cause = describe_failure(crash, () if secrets is None else secrets())
        if secrets is None:
            cause = AdapterFailure(cause.raised, "", cause.frames)
    broken = AdapterBroken(
        f"an in-flight call for a token ended in {crashed}",
        code="single_flight.crashed",
        hint="try again; if it happens again, report it.",
        retryable=True,
    )
    broken.__cause__ = cause
    return broken


def start_thread(name: str, run: Callable[[], None]) -> bool:
    """
    Start a short-lived daemon thread, with the caller's context copied.

    Returns:
        False if no thread can start: the interpreter is shutting down, or the system is out of
        threads.
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
    """Run a function on a new thread; run it inline if no thread can start."""
    if not start_thread(name, run):
        contextvars.copy_context().run(run)
