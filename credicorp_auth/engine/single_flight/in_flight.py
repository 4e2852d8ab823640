"""
In-flight calls: one attempt to obtain something, shared by all callers that ask for it meanwhile.

No caller owns a call. It runs on a short-lived daemon thread of the engine, and threads and tasks
of any event loop wait for it, each up to its own deadline. So a cancelled task, a blocked or closed
loop or a short timeout affects no other caller, waiters cannot use up the workers that the call
needs, and the process can exit during a call.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from credicorp_auth.engine.fork import Process
from credicorp_auth.engine.progress import Progress
from credicorp_auth.engine.single_flight.waiter import wake_all
from credicorp_auth.errors import AdapterBroken, AdapterFailure, CredicorpAuthError
from credicorp_auth.plugin.api.adapter_failure import describe_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.http.secret import Secret

T = TypeVar("T")


class Mark:
    """
    What contexts and kept outcomes remember of a call.

    Args:
        owner: The single flight that the call belongs to.
        subject: What the call is about; asking for it from inside the call would wait for itself.
    """

    __slots__ = ("generation", "is_forgotten", "is_over", "owner", "subject")

    def __init__(self, owner: object, subject: Hashable) -> None:
        self.owner, self.subject = owner, subject
        self.generation = Process.generation
        self.is_over = False
        self.is_forgotten = False


IN_FLIGHT: Final[contextvars.ContextVar[tuple[Mark, ...]]] = contextvars.ContextVar(
    "credicorp_auth_in_flight", default=()
)
"""The calls that run in the current context."""


class InFlightCall(Generic[T]):
    """
    One attempt to obtain something.

    Args:
        mark: Identifies it in contexts.
        make: Performs it and returns the outcome, given this object; it must not raise.
        began: Boot-clock time at which it was started.
        deadline: Boot-clock time after which it counts as lost.
    """

    __slots__ = (
        "began",
        "claim",
        "context",
        "deadline",
        "inline_seconds",
        "make",
        "mark",
        "outcomes",
        "progress",
        "starter",
        "waiters",
    )

    def __init__(
        self,
        mark: Mark,
        make: Callable[[InFlightCall[T]], T | CredicorpAuthError],
        began: float,
        deadline: float,
    ) -> None:
        self.mark, self.make, self.began, self.deadline = mark, make, began, deadline
        self.progress = Progress()
        self.claim = [True]  # who pops it runs the call
        self.outcomes: dict[int, T | CredicorpAuthError | None] = {}  # the first one counts
        self.waiters: dict[Waiter, None] = {}
        self.starter = threading.get_ident()  # 0 once a thread has been started for it
        self.inline_seconds: float | None = None  # the longest time if no thread can start
        # Complete before any thread runs in it: a finaliser may run at any moment of that thread.
        self.context = contextvars.copy_context()
        others = (each for each in IN_FLIGHT.get() if not each.is_over)
        self.context.run(IN_FLIGHT.set, (*others, mark))

    @property
    def is_over(self) -> bool:
        """Whether it has an outcome, or was closed."""
        return bool(self.outcomes)

    @property
    def outcome(self) -> T | CredicorpAuthError | None:
        """The result or the error; None if there is none yet, or it was closed."""
        return self.outcomes.get(0)

    def is_under_way(self, now: float) -> bool:
        """Return whether an outcome may still come: not over, not lost, of this process."""
        return (
            not self.outcomes and now < self.deadline and self.mark.generation == Process.generation
        )

    def take(self) -> bool:
        """Return whether the caller is the one who runs it."""
        try:
            self.claim.pop()
        except IndexError:
            return False
        return True

    def finish(self, outcome: T | CredicorpAuthError | None) -> None:
        """End it, unless it has ended already; wake all waiters."""
        self.outcomes.setdefault(0, outcome)
        self.mark.is_over = True
        wake_all(list(self.waiters))


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
    broken = crashed_call(crashed)
    broken.__cause__ = cause
    return broken


def crashed_call(raised: str) -> AdapterBroken:
    """Return the error of a call that ended in an exception of this name."""
    return AdapterBroken(
        f"an in-flight call for a token ended in {raised}",
        code="single_flight.crashed",
        hint="try again; if it happens again, report it.",
        retryable=True,
    )
