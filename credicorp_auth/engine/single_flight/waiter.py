"""
Those who wait for a call: a thread on a lock, a task on its own event loop, asyncio's or trio's.

A waiter knows nothing of tokens. It is woken once, by whoever lands the call, or gives up at its
own deadline; neither disturbs the call or any other waiter.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable


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
        timer = self.loop.call_later(max(seconds, 0.0), self.wait_idle)
        try:
            await self.future
        finally:
            timer.cancel()

    def wait_idle(self) -> None:
        """End the wait, on the loop; a second time it does nothing."""
        if not self.future.done():
            self.future.set_result(None)

    def call_soon(self, work: Callable[[], None]) -> None:
        """Let the loop do something, from another thread."""
        self.loop.call_soon_threadsafe(work)


class TrioWaiter:
    """A trio task that waits."""

    __slots__ = ("_event", "_trio", "loop")

    def __init__(self, trio: Any) -> None:  # noqa: ANN401 - the module
        self._trio = trio
        self._event = trio.Event()
        self.loop = trio.lowlevel.current_trio_token()

    async def wait(self, seconds: float) -> None:
        """Wait to be woken, for at most `seconds`."""
        with self._trio.move_on_after(max(seconds, 0.0)):
            await self._event.wait()

    def wait_idle(self) -> None:
        """End the wait, on the loop; a second time it does nothing."""
        self._event.set()

    def call_soon(self, work: Callable[[], None]) -> None:
        """Let the loop do something, from another thread."""
        self.loop.run_sync_soon(work)


Waiter = ThreadWaiter | TaskWaiter | TrioWaiter


def running_trio() -> Any:  # noqa: ANN401 - the module
    """Return trio where a task of it calls; None anywhere else, and where it was never imported."""
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return None
    return trio


def waiting_task() -> TaskWaiter | TrioWaiter:
    """Return a waiter for the task that calls, of whichever kind its event loop is."""
    trio = running_trio()
    return TaskWaiter() if trio is None else TrioWaiter(trio)


def wake_all(waiters: Iterable[Waiter]) -> None:
    """Wake everyone, with one call into each event loop rather than one for each task."""
    tasks: dict[object, list[TaskWaiter | TrioWaiter]] = {}
    for waiter in waiters:
        if isinstance(waiter, ThreadWaiter):
            waiter.wake()
        else:
            tasks.setdefault(waiter.loop, []).append(waiter)
    for batch in tasks.values():
        try:
            batch[0].call_soon(partial(_settle, batch))
        except RuntimeError:
            # That loop is closed: nobody waits there any more.
            continue


def _settle(batch: Iterable[TaskWaiter | TrioWaiter]) -> None:
    for waiter in batch:
        waiter.wait_idle()
