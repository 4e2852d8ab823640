"""Blocking work beside an event loop: on a thread of the engine, or inline if none can start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.single_flight.call import start_thread
from credicorp_auth.engine.single_flight.waiter import waiting_task, wake_all

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST: Final = 86_400.0  # seconds; event loops of C do not take infinity


async def run_aside(work: Callable[[], None]) -> None:
    """
    Do something that may block without holding up the event loop.

    A pool of the loop's own would not do: one that cannot start a thread breaks the loop's end.
    """
    waiter, failures = waiting_task(), list[BaseException]()

    def run() -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 - it is raised where it was asked for
            failures.append(failure)
        wake_all([waiter])

    if not start_thread("credicorp-auth aside", run):
        run()
    await waiter.wait(_LONGEST)
    if failures:
        raise failures[0]
