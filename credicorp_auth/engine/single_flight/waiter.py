"""
Waiters for a call: a thread blocked on a lock, or an asyncio or trio task on its own event loop.

A waiter knows nothing of tokens. It is woken once, by the thread that completes the call, or gives
up at its own deadline. Neither affects the call or any other waiter.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable


class ThreadWaiter:
    """Waiter for a thread."""

    __slots__ = ("_asleep", "_released")

    def __init__(self) -> None:
        self._asleep = [True]
        self._released = threading.Lock()
        self._released.acquire()

    def wait(self, seconds: float) -> None:
        """Wait until woken, for at most `seconds`."""
        # A signal handler that forks while this thread sleeps leaves it asleep in the child.
        _SLEEPING[self] = None
        try:
            self._released.acquire(timeout=min(max(seconds, 0.0), threading.TIMEOUT_MAX))
        finally:
            _SLEEPING.pop(self, None)

    def wake(self) -> None:
        """End the wait; do nothing if it has already ended."""
        try:
            self._asleep.pop()
        except IndexError:
            return
        self._released.release()


_SLEEPING: Final[dict[ThreadWaiter, None]] = {}


def _wake_after_fork() -> None:
    """Wake the forking thread's waits in a forked child: no call of the parent ends there."""
    for waiter in list(_SLEEPING):
        waiter.wake()


if hasattr(os, "register_at_fork"):  # absent on Windows, which cannot fork
    os.register_at_fork(after_in_child=_wake_after_fork)


class TaskWaiter:
    """Waiter for an asyncio task; it never blocks the event loop."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 - 40 ms that a synchronous program need not pay

        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    async def wait(self, seconds: float) -> None:
        """Wait until woken, for at most `seconds`."""
        timer = self.loop.call_later(max(seconds, 0.0), self.wake_up)
        try:
            await self.future
        finally:
            timer.cancel()

    def wake_up(self) -> None:
        """End the wait, on the loop thread; do nothing if it has already ended."""
        if not self.future.done():
            self.future.set_result(None)

    def call_soon(self, work: Callable[[], None]) -> None:
        """Schedule work on the loop, from another thread."""
        self.loop.call_soon_threadsafe(work)


class TrioWaiter:
    """Waiter for a trio task."""

    __slots__ = ("_event", "_trio", "loop")

    def __init__(self, trio: Any) -> None:  # noqa: ANN401 - the module
        self._trio = trio
        self._event = trio.Event()
        self.loop = trio.lowlevel.current_trio_token()

    async def wait(self, seconds: float) -> None:
        """Wait until woken, for at most `seconds`."""
        with self._trio.move_on_after(max(seconds, 0.0)):
            await self._event.wait()

    def wake_up(self) -> None:
        """End the wait, on the loop thread; do nothing if it has already ended."""
        self._event.set()

    def call_soon(self, work: Callable[[], None]) -> None:
        """Schedule work on the loop, from another thread."""
        self.loop.run_sync_soon(work)


Waiter = ThreadWaiter | TaskWaiter | TrioWaiter


def running_trio() -> Any:  # noqa: ANN401 - the module
    """Return the trio module if the caller is a trio task; otherwise None."""
    trio = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return None
    return trio


def waiting_task() -> TaskWaiter | TrioWaiter:
    """Return a waiter for the calling task, for asyncio or trio."""
    trio = running_trio()
    return TaskWaiter() if trio is None else TrioWaiter(trio)


def wake_all(waiters: Iterable[Waiter]) -> None:
    """Wake all waiters, with one call into each event loop rather than one for each task."""
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
            # The loop is closed, so its tasks no longer wait.
            continue


def _settle(batch: Iterable[TaskWaiter | TrioWaiter]) -> None:
    for waiter in batch:
        waiter.wake_up()
