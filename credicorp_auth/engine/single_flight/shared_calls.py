"""
Single flight by key: concurrent callers, threads and tasks alike, share one call for each key.

As with token calls (see call.py), no waiter owns a call: it runs on a thread of the engine, and
each caller waits up to its own deadline. Untrusted parties choose the keys, so at most
`MAX_CALLERS` calls run at once; the rest are queued.

If no thread can start, each caller makes its call on its own thread, within its deadline. It then
makes another caller's call only if that one was left in the queue with no thread to serve it.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.progress import Progress
from credicorp_auth.engine.single_flight.call import IN_FLIGHT, run_guarded, start_thread
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, waiting_task, wake_all
from credicorp_auth.errors import Closed, CredicorpAuthError, Reentrant

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.single_flight.waiter import TaskWaiter, TrioWaiter, Waiter

T = TypeVar("T")

MAX_CALLERS: Final = 32
"""Calls that run at once, each on its own thread."""


class Call(Generic[T]):
    """
    One call, shared by all callers that ask for its key.

    Args:
        key: Identifies the call.
        deadline: Boot-clock time after which the call counts as lost.
        make: Performs the call, given the deadline.
    """

    __slots__ = ("context", "deadline", "key", "make", "outcome", "progress", "waiters")

    def __init__(self, key: bytes, deadline: float, make: Callable[[float], T]) -> None:
        self.key, self.deadline, self.make = key, deadline, make
        self.context = contextvars.copy_context()
        self.progress = Progress()
        self.waiters: list[Waiter] = []
        self.outcome: T | CredicorpAuthError | None = None


class SharedCalls(Generic[T]):
    """
    At most one call in flight for each key.

    Args:
        name: The kind of call, used in thread names.
        clock: The wall clock and the boot clock.
        timeout: Seconds that a call may take, including its time in the queue.
        keep: Stores the outcome of a call, given its key, before the waiters are woken. It is not
            called if the key was forgotten during the call.
        find: Returns the stored outcome of a key, or None. It is called before a call starts,
            because an outcome may have been stored since the caller's own lookup.
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
        self._under_way: set[Call[T]] = set()  # including calls whose key was forgotten
        self._queue: deque[Call[T]] = deque()
        self._callers = 0
        self._closed = False
        renew_after_fork(self)

    def obtain(self, key: bytes, make: Callable[[float], T]) -> T | CredicorpAuthError:
        """Return the outcome of the call for a key; block this thread until it completes."""
        waiter = ThreadWaiter()
        call = self._join(key, make, waiter)
        try:
            if call.outcome is None:
                waiter.wait(self._timeout)
        finally:
            self._stop_waiting(call, waiter)
        return self._conclude(call)

    async def aobtain(self, key: bytes, make: Callable[[float], T]) -> T | CredicorpAuthError:
        """Return the outcome of the call for a key; await its completion."""
        waiter: TaskWaiter | TrioWaiter = waiting_task()
        call = self._join(key, make, waiter)
        try:
            if call.outcome is None:
                await waiter.wait(self._timeout)
        finally:
            self._stop_waiting(call, waiter)
        return self._conclude(call)

    def forget(self, key: bytes | None) -> None:
        """Detach the call of a key, or of all keys (None): the next caller starts a new one."""
        with self._lock:
            if key is None:
                self._calls.clear()
            else:
                self._calls.pop(key, None)

    def _join(self, key: bytes, make: Callable[[float], T], waiter: Waiter) -> Call[T]:
        """Return the call to wait for, or a finished call if the outcome is already known."""
        now, starts = self._boot(), False
        fresh = Call(key, now + self._timeout, make)
        with self._lock:
            call = self._calls.get(key)
            if call is None or now >= call.deadline:
                call, fresh.outcome = fresh, self._find(key)
            if self._closed:
                fresh.outcome = Closed("the CredicorpAuth is closed")
            elif self in IN_FLIGHT.get():
                fresh.outcome = Reentrant("an adapter requested what it is helping to obtain")
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
        """Queue a call; return whether it needs another thread."""
        self._calls[call.key] = call
        self._under_way.add(call)
        self._queue.append(call)
        starts = self._callers < MAX_CALLERS
        self._callers += starts
        return starts

    def _take_over(self, call: Call[T]) -> list[Call[T]]:
        """Return the calls to make on this thread, after no thread could start for this call."""
        with self._lock:
            self._callers -= 1
            left = list(self._queue) if self._callers == 0 else [call]
            taken = [each for each in left if each in self._queue]
            for each in taken:
                self._queue.remove(each)
            return taken

    def _work(self) -> None:
        """Make queued calls until the queue is empty."""
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
        call.progress.begin()
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

    def _stop_waiting(self, call: Call[T], waiter: Waiter) -> None:
        with self._lock:
            if waiter in call.waiters:
                call.waiters.remove(waiter)

    def _conclude(self, call: Call[T]) -> T | CredicorpAuthError:
        """Return the call's outcome to one caller, or an error if it has none."""
        outcome = call.outcome
        if isinstance(outcome, CredicorpAuthError):
            return outcome.copy()
        if outcome is not None:
            return outcome
        if self._closed:
            return Closed(
                "the CredicorpAuth was closed while a request about a token was in flight"
            )
        return call.progress.deadline_passed("no response about the token within the time allowed")

    def close(self) -> None:
        """Refuse further calls and wake all waiters."""
        with self._lock:
            self._closed = True
            waiting = [waiter for call in self._under_way for waiter in call.waiters]
            self._queue.clear()
        wake_all(waiting)

    def after_fork(self) -> None:
        """Drop the lock and the calls of the parent's threads in the forked child."""
        self._lock = threading.Lock()
        self._calls.clear()
        self._under_way.clear()
        self._queue.clear()
        self._callers = 0
