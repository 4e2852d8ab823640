"""Calls with a timeout: each runs on its own thread, since AWS's credential chain may hang."""

from __future__ import annotations

from contextvars import copy_context
from threading import Event, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth.plugin.api.late_lock import LateLock

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.errors import CredicorpAuthError

T = TypeVar("T")


@define
class Progress(Generic[T]):
    """
    Progress of a call.

    Args:
        doing: The current step, in words that fit after "while".
        result: The best result so far, or None.
        failure: The error, if there is no result; or None.
        over: Set when the call has ended.
    """

    doing: str = "waiting for an earlier read that hangs"
    result: T | None = None
    failure: CredicorpAuthError | None = None
    over: Event = field(factory=Event)


class BoundedCalls:
    """
    Runs calls one at a time, each with a timeout.

    AWS's credential chain uses files, programs and addresses that may never respond, and nothing
    can interrupt it. A call that exceeds its timeout continues in the background, and its result
    is dropped. No other call starts until it ends, so that at most one thread hangs.
    """

    def __init__(self) -> None:
        self._turn = LateLock()

    def run(self, call: Callable[[Progress[T]], None], *, seconds: float) -> Progress[T]:
        """
        Run a call, and return its progress when it ends or the timeout passes.

        Args:
            call: The call. It records its steps and its result in the `Progress` it is given, and
                raises nothing.
            seconds: Timeout in seconds, which includes waiting for an earlier call.
        """
        until = monotonic() + seconds
        progress: Progress[T] = Progress()
        turn = self._turn.current()
        if not turn.acquire(timeout=seconds):
            return progress

        def make_the_call() -> None:
            try:
                call(progress)
            finally:
                turn.release()
                progress.over.set()

        # With the caller's context variables, as if the caller ran it.
        thread = Thread(
            target=copy_context().run, args=(make_the_call,), name="credicorp-auth-aws", daemon=True
        )
        progress.doing = "starting a thread"
        try:
            thread.start()
        except RuntimeError:  # too many threads, or interpreter shutdown
            turn.release()
            return progress
        progress.over.wait(until - monotonic())
        return progress
