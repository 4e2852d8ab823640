"""Calls that may hang, each on a thread of its own, and nobody waits for it longer than agreed."""

from __future__ import annotations

import time
from contextvars import copy_context
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.errors import CredicorpAuthError

T = TypeVar("T")


@define
class Progress(Generic[T]):
    """
    How far a call has come.

    Args:
        doing: What it is at, in words that fit behind "while".
        result: The best result so far, or None.
        failure: Why there is none; or None.
    """

    doing: str = "waiting for an earlier read that hangs"
    result: T | None = None
    failure: CredicorpAuthError | None = None
    over: Event = field(factory=Event)


class BoundedCalls:
    """
    Makes calls one at a time.

    AWS's chain of credentials asks files, programs and addresses that may never answer, and nothing
    can interrupt it. A call that outlives its time is left to itself and its late result dropped;
    until it ends no other is begun, so that at most one thread ever hangs.
    """

    def __init__(self) -> None:
        self._turn = Lock()

    def run(self, call: Callable[[Progress[T]], None], *, seconds: float) -> Progress[T]:
        """
        Make a call, and return what has come of it when it ends, or when time is up.

        Args:
            call: The call; it notes in the `Progress` it is given what it does and finds, and
                raises nothing.
            seconds: How long to wait, for an earlier call and for this one together.
        """
        until = time.monotonic() + seconds
        progress: Progress[T] = Progress()
        turn = self._turn
        if not turn.acquire(timeout=seconds):
            return progress

        def make_the_call() -> None:
            try:
                call(progress)
            finally:
                turn.release()
                progress.over.set()

        # With the caller's context, as if it made the call itself.
        thread = Thread(
            target=copy_context().run, args=(make_the_call,), name="credicorp-auth-aws", daemon=True
        )
        progress.doing = "starting a thread"
        try:
            thread.start()
        except RuntimeError:  # there are too many, or the interpreter is about to end
            turn.release()
            return progress
        progress.over.wait(until - time.monotonic())
        return progress
