"""
Those who wait for a flight: a thread on a lock, a task on a future of its own event loop.

A waiter knows nothing of tokens. It is woken once, by whoever lands the flight, or gives up at its
own deadline; neither disturbs the flight or any other waiter.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable


class ThreadWaiter:
    """A thread that waits."""

    __slots__ = ("_released",)

    def __init__(self) -> None:
        self._released = threading.Lock()
        self._released.acquire()

    def wait(self, seconds: float) -> None:
        """Wait to be woken, for at most `seconds`."""
        self._released.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))

    def wake(self) -> None:
        """End the wait; a second time it does nothing."""
        # Only the thread itself ever acquires again, so a second wake-up is the only way to find
        # the lock released already.
        if self._released.locked():
            self._released.release()


class TaskWaiter:
    """An asyncio task that waits, without its loop ever being held up."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 - 40 ms that a program without an event loop need not pay

        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    async def wait(self, seconds: float) -> None:
        """Wait to be woken, for at most `seconds`."""
        timer = self.loop.call_later(max(seconds, 0.0), _settle, (self,))
        try:
            await self.future
        finally:
            timer.cancel()


def wake_all(waiters: Iterable[ThreadWaiter | TaskWaiter]) -> None:
    """Wake everyone, with one call into each event loop rather than one for each task."""
    tasks: dict[asyncio.AbstractEventLoop, list[TaskWaiter]] = {}
    for waiter in waiters:
        if isinstance(waiter, TaskWaiter):
            tasks.setdefault(waiter.loop, []).append(waiter)
        else:
            waiter.wake()
    for loop, batch in tasks.items():
        try:
            loop.call_soon_threadsafe(_settle, batch)
        except RuntimeError:
            # That loop is closed: nobody waits there any more.
            continue


def _settle(batch: Iterable[TaskWaiter]) -> None:
    for waiter in batch:
        if not waiter.future.done():
            waiter.future.set_result(None)
