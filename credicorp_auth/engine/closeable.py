"""Closeable objects: context manager, plain and async, whose `close` does not block a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn, Self

from credicorp_auth.engine.single_flight.thread import start_thread
from credicorp_auth.engine.single_flight.waiter import waiting_task, wake_all

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST: Final = 86_400.0  # seconds; event loops written in C reject infinity


async def run_aside(work: Callable[[], None]) -> None:
    """
    Run blocking work on a thread without blocking the event loop.

    The loop's own thread pool is not used: if it cannot start a thread, the loop's shutdown fails.

    Args:
        work: The blocking function; what it raises is raised here.
    """
    waiter, failures = waiting_task(), list[BaseException]()

    def run() -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 - raised again below, in the caller
            failures.append(failure)
        wake_all([waiter])

    if not start_thread("credicorp-auth aside", run):
        run()
    await waiter.wait(_LONGEST)
    if failures:
        raise failures[0]


class Closeable:
    """Context manager, plain and async, around `close`."""

    def close(self) -> None:
        """Close the object; idempotent."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close the object without blocking the event loop."""
        await run_aside(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        name = type(self).__name__
        message = f"a {name} cannot be pickled; build one in each process from its settings"
        raise TypeError(message)
