"""Shared questions: one request to the server for all who ask the same about one token."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from credicorp_auth.engine.single_flight.in_flight import InFlightCall, run_guarded
from credicorp_auth.errors import Closed, CredicorpAuthError, Reentrant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from credicorp_auth.engine.single_flight.calls import SingleFlight
    from credicorp_auth.engine.single_flight.driver import Wait

T = TypeVar("T")

MAX_CALLERS: Final = 32
"""Calls that run at once, each on its own thread; untrusted parties choose the tokens."""


def obtain_shared(
    calls: SingleFlight[T],
    boot: Callable[[], float],
    digest: bytes,
    ask: Callable[[float], T],
    find: Callable[[], T | CredicorpAuthError | None] = lambda: None,
) -> Generator[Wait, None, T | CredicorpAuthError]:
    """
    Protocol of a caller: return the outcome for a token, or the error of this caller.

    Args:
        calls: The single calls of this kind of question.
        boot: The boot clock.
        digest: The SHA-256 of the token.
        ask: Asks the server, given a boot-clock deadline.
        find: Returns what is remembered, or None.
    """
    deadline = boot() + calls.timeout

    def make(call: InFlightCall[T]) -> T | CredicorpAuthError:
        return run_guarded(partial(ask, call.deadline))

    while True:
        try:
            joined = calls.join(digest, make, find)
        except (Closed, Reentrant) as error:
            return error.with_traceback(None)
        if not isinstance(joined, InFlightCall):
            return cast("T | CredicorpAuthError", joined)
        call = cast("InFlightCall[T]", joined)
        yield call, min(deadline, call.deadline) - boot()
        outcome = call.outcome
        if isinstance(outcome, CredicorpAuthError):
            return outcome.copy()
        if outcome is not None:
            return outcome
        if calls.is_closed:
            return Closed(
                "the CredicorpAuth was closed while a request about a token was in flight"
            )
        now = boot()
        if call.is_under_way(now) or now >= deadline:
            return call.progress.deadline_passed(
                "no response about the token within the time allowed"
            )
