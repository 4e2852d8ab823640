"""
Calls that everybody who asks for the same thing meanwhile shares, threads and tasks alike.

As with calls (see flight.py), a call belongs to none of those who wait for it: it is made on a
thread of the engine, and they wait, each to its own deadline. Here there are many at once, one for
each key, and strangers choose the keys; so only so many are made at a time, and the rest queue.

If no thread can start, each caller makes its call on its own thread, within its deadline.
Nobody makes a stranger's call then, except one that was left in the queue with no thread to come.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.single_flight.call import IN_FLIGHT, run_guarded, start_thread
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, waiting_task, wake_all
from credicorp_auth.errors import Closed, CredicorpAuthError, DeadlinePassed, Reentrant

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.single_flight.waiter import TaskWaiter, TrioWaiter, Waiter

T = TypeVar("T")

MAX_CALLERS: Final = 32
"""Calls that are made at once; each has a thread of its own."""


class Call(Generic[T]):
    """
    One call, made for everyone who asks for its key.

    Args:
        key: What was asked for.
        deadline: Moment of the boot clock after which it counts as lost.
        make: Makes it, given the deadline.
    """

    __slots__ = ("context", "deadline", "key", "make", "outcome", "waiters")

    def __init__(self, key: bytes, deadline: float, make: Callable[[float], T]) -> None:
        self.key, self.deadline, self.make = key, deadline, make
        self.context = contextvars.copy_context()
        self.waiters: list[Waiter] = []
        self.outcome: T | CredicorpAuthError | None = None


class SharedCalls(Generic[T]):
    """
    At most one call under way for each key.

    Args:
        name: What they are, for the names of the threads.
        clock: The clocks.
        timeout: Seconds that a call may take, its time in the queue included.
        keep: Called with the key and the outcome of a call, before anybody hears of it; not where
            the key was forgotten meanwhile.
        find: Called with a key before a call is made, and returns what was kept; or None. Whoever
            found nothing a moment ago may have come between an outcome and its being kept.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        timeout: float,
        *,
        keep: Callable[[bytes, T | CredicorpAuthError], None],
        find: Callable[[bytes], T | CredicorpAuthError | None],
    ) -> None:
        self._name, self._boot, self._timeout = name, clock.boot, timeout
        self._keep, self._find = keep, find
        self._lock = threading.Lock()
        self._calls: dict[bytes, Call[T]] = {}
        self._under_way: set[Call[T]] = set()  # those that were forgotten included
        self._queue: deque[Call[T]] = deque()
        self._callers = 0
        self._closed = False
        renew_after_fork(self)

    def obtain(self, key: bytes, make: Callable[[float], T]) -> T | CredicorpAuthError:
        """Return the outcome of the call; wait for it on this thread."""
        waiter = ThreadWaiter()
        call = self._join(key, make, waiter)
        try:
            if call.outcome is None:
                waiter.wait(self._timeout)
        finally:
            self._leave(call, waiter)
        return self._conclude(call)

    async def aobtain(self, key: bytes, make: Callable[[float], T]) -> T | CredicorpAuthError:
        """Return the outcome of the call; await it."""
        waiter: TaskWaiter | TrioWaiter = waiting_task()
        call = self._join(key, make, waiter)
        try:
            if call.outcome is None:
                await waiter.wait(self._timeout)
        finally:
            self._leave(call, waiter)
        return self._conclude(call)

    def forget(self, key: bytes | None) -> None:
        """Let the next one who asks make a call of its own, for one key or for any."""
        with self._lock:
            if key is None:
                self._calls.clear()
            else:
                self._calls.pop(key, None)

    def _join(self, key: bytes, make: Callable[[float], T], waiter: Waiter) -> Call[T]:
        """Return the call to wait for; one that nobody makes where there is an outcome already."""
        now, starts = self._boot(), False
        fresh = Call(key, now + self._timeout, make)
        with self._lock:
            call = self._calls.get(key)
            if call is None or now >= call.deadline:
                call, fresh.outcome = fresh, self._find(key)
            if self._closed:
                fresh.outcome = Closed("the CredicorpAuth is closed")
            elif self in IN_FLIGHT.get():
                fresh.outcome = Reentrant("an adapter asked about a token while it helped to ask")
            if fresh.outcome is not None:
                return fresh
            if call is fresh:
                starts = self._enqueue(fresh)
            call.waiters.append(waiter)
        if starts and not start_thread(f"credicorp-auth {self._name}", self._work):
            for each in self._take_over(call):
                each.context.run(self._make, each)
        return call

    def _enqueue(self, call: Call[T]) -> bool:
        """Let a call be made; say whether that takes another thread."""
        self._calls[call.key] = call
        self._under_way.add(call)
        self._queue.append(call)
        starts = self._callers < MAX_CALLERS
        self._callers += starts
        return starts

    def _take_over(self, call: Call[T]) -> list[Call[T]]:
        """Return the calls to make here, because no thread could start for this one."""
        with self._lock:
            self._callers -= 1
            left = list(self._queue) if self._callers == 0 else [call]
            taken = [each for each in left if each in self._queue]
            for each in taken:
                self._queue.remove(each)
            return taken

    def _work(self) -> None:
        """Make calls until none is left to be made."""
        while call := self._next():
            call.context.run(self._make, call)

    def _next(self) -> Call[T] | None:
        with self._lock:
            if self._queue:
                return self._queue.popleft()
            self._callers -= 1
            return None

    def _make(self, call: Call[T]) -> None:
        IN_FLIGHT.set((*IN_FLIGHT.get(), self))
        outcome = run_guarded(partial(call.make, call.deadline))
        with self._lock:
            if self._calls.get(call.key) is call:
                if not self._closed:
                    self._keep(call.key, outcome)
                del self._calls[call.key]
            self._under_way.discard(call)
            call.outcome = outcome
            waiters, call.waiters = call.waiters, []
        wake_all(waiters)

    def _leave(self, call: Call[T], waiter: Waiter) -> None:
        with self._lock:
            if waiter in call.waiters:
                call.waiters.remove(waiter)

    def _conclude(self, call: Call[T]) -> T | CredicorpAuthError:
        """Turn a call's outcome into this caller's own."""
        outcome = call.outcome
        if isinstance(outcome, CredicorpAuthError):
            return outcome.copy()
        if outcome is not None:
            return outcome
        if self._closed:
            return Closed("the CredicorpAuth was closed while a token was asked about")
        return DeadlinePassed("no answer about the token within the time allowed")

    def close(self) -> None:
        """Start no call any more, and wake everyone who waits."""
        with self._lock:
            self._closed = True
            waiting = [waiter for call in self._under_way for waiter in call.waiters]
            self._queue.clear()
        wake_all(waiting)

    def after_fork(self) -> None:
        """In the child: drop the lock, and the calls that the parent's threads make."""
        self._lock = threading.Lock()
        self._calls.clear()
        self._under_way.clear()
        self._queue.clear()
        self._callers = 0
