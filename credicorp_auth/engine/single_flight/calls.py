"""
Single flight: concurrent callers for one key, threads and tasks alike, share one in-flight call.

Theory of operation. The calls in flight are one immutable mapping in a `Cell`. The caller that
swaps in a mapping with a new call has started it; all others see it there and wait. There is no
lock, so this code may be entered again on one thread between any two instructions: by a signal
handler, by a finaliser, by an observer.

Three orders make it right.

1. *Keep before settle.* A call that ends first keeps its outcome where callers look for it, then
   leaves the mapping, then wakes its waiters.
2. *Call before state.* Who joins reads the mapping first and what is kept afterwards (`instead`).
   So it finds the call, or what the call has left behind.
3. *Register before look.* A waiter registers and then looks for the outcome; a call sets the
   outcome and then lists its waiters. So no wake-up is lost.

A call that has passed its deadline by the boot clock (the process was frozen, a resolver hangs) or
was inherited from the parent by a forked child is lost: the next who joins replaces it.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from credicorp_auth.engine.fork import Process
from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.engine.single_flight.crew import Crews
from credicorp_auth.engine.single_flight.in_flight import (
    IN_FLIGHT,
    InFlightCall,
    Mark,
    crashed_call,
)
from credicorp_auth.engine.single_flight.thread import start_thread
from credicorp_auth.errors import Closed, CredicorpAuthError, Reentrant

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.single_flight.cell import Version

T = TypeVar("T")
F = TypeVar("F")


class SingleFlight(Generic[T]):
    """
    At most one call in flight for each key.

    Args:
        name: The kind of call, used in the names of threads.
        clock: The wall clock and the boot clock.
        timeout: Seconds after which a call counts as lost.
        keep: Keeps the outcome of a call, before its waiters are woken; returns what they get.
        note_lost: Called with the key of a call that is replaced because it is lost.
        note_orphaned: Called in a forked child with the key of a call that ends in the parent.
        limit: Calls that run at once; the others queue. None for no limit.
    """

    def __init__(  # noqa: PLR0913 - what a kind of call has
        self,
        name: str,
        clock: Clock,
        timeout: float,
        *,
        keep: Callable[[InFlightCall[T], T | CredicorpAuthError], T | CredicorpAuthError],
        note_lost: Callable[[Hashable], None] = lambda _key: None,
        note_orphaned: Callable[[Hashable], None] = lambda _key: None,
        limit: int | None = None,
    ) -> None:
        self._name, self._boot, self.timeout = f"credicorp-auth {name}", clock.boot, timeout
        self._keep, self._note_lost, self._note_orphaned = keep, note_lost, note_orphaned
        self._crews = (
            None
            if limit is None
            else Crews(self._name, limit, owner=self, run=self._run, boot=self._boot)
        )
        self._calls: Cell[Mapping[Hashable, InFlightCall[T]] | None] = Cell({})

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._calls.get() is None

    def find(self, key: Hashable) -> InFlightCall[T] | None:
        """Return the call under way for a key, or None."""
        call = (self._calls.get() or {}).get(key)
        return call if call is not None and call.is_under_way(self._boot()) else None

    def is_inside(self, subject: Hashable) -> bool:
        """Return whether the current context is part of a call that must not be waited for."""
        return any(
            mark.owner is self
            and (self._crews is not None or mark.subject == subject)
            and not mark.is_over
            and mark.generation == Process.generation
            for mark in IN_FLIGHT.get()
        )

    def join(
        self,
        key: Hashable,
        make: Callable[[InFlightCall[T]], T | CredicorpAuthError],
        instead: Callable[[], F | None],
        *,
        subject: Hashable = None,
        inline_seconds: float | None = None,
    ) -> InFlightCall[T] | F:
        """
        Return the call to wait for; start one if there is none.

        Args:
            key: Identifies the call.
            make: Performs the call, if it is started, and returns its outcome; it must not raise.
            instead: Returns what makes a call superfluous, or None. It must look at what is kept
                now, and not decide from what was read before.
            subject: What the call is about, if that is not the key.
            inline_seconds: The longest time that it may take if no thread can start.

        Raises:
            Closed: It was closed.
            Reentrant: The caller runs inside a call for the same subject.
        """
        subject = key if subject is None else subject
        is_inside = self.is_inside(subject)
        while True:
            seen, now = self._calls.newest(), self._boot()
            if seen.value is None:
                raise Closed("the CredicorpAuth is closed")
            call = seen.value.get(key)
            if call is not None and call.mark.generation != Process.generation:
                self._dismiss(key, call)
                continue
            if call is not None and not is_inside and call.is_under_way(now):
                if call.starter == threading.get_ident():
                    self._start(call)  # this thread was interrupted while it was starting the call
                return call
            found = instead()
            if found is not None:
                return found
            if is_inside:
                raise Reentrant("an adapter requested what it is helping to obtain")
            fresh = InFlightCall(Mark(self, subject), make, now, now + self.timeout)
            fresh.inline_seconds = inline_seconds
            if self._launch(seen, key, fresh, call):
                return fresh

    def _dismiss(self, key: Hashable, call: InFlightCall[T]) -> None:
        """Remove a call of the parent process."""
        before, after = self._calls.update(partial(_without, call=call))
        if before is not after:
            self._note_orphaned(key)

    def _launch(
        self,
        seen: Version[Mapping[Hashable, InFlightCall[T]] | None],
        key: Hashable,
        fresh: InFlightCall[T],
        replaced: InFlightCall[T] | None,
    ) -> bool:
        """Publish a call and start it; return False if another was published before."""
        try:
            if not self._calls.swap(seen, {**(seen.value or {}), key: fresh}):
                return False
            if replaced is not None and not replaced.is_over:
                replaced.mark.is_forgotten = True
                self._note_lost(key)
            self._start(fresh)
        except BaseException as interrupt:
            # No caller may wait for a call that no thread runs.
            published = fresh in (self._calls.get() or {}).values()
            if published and fresh.take():
                self._end(fresh, crashed_call(type(interrupt).__name__))
            raise
        return True

    def _start(self, call: InFlightCall[T]) -> None:
        """Start a thread for a call, or run it here if none can start; harmless if repeated."""
        try:
            if self._crews is not None:
                self._crews.start(call)
            elif not start_thread(self._name, partial(self._run, call), call.context.copy()):
                if call.inline_seconds is not None:
                    call.deadline = min(call.deadline, call.began + call.inline_seconds)
                call.context.copy().run(self._run, call)
        finally:
            call.starter = 0

    def _run(self, call: InFlightCall[T]) -> None:
        if not call.take() or call.is_over:
            return
        call.progress.begin()
        try:
            outcome = call.make(call)
        except BaseException as crash:
            self._end(call, crashed_call(type(crash).__name__))
            raise
        self._end(call, outcome)

    def _end(self, call: InFlightCall[T], outcome: T | CredicorpAuthError) -> None:
        """End a call: keep the outcome, leave the mapping, wake the waiters, in this order."""
        try:
            if not call.is_over:
                outcome = self._keep(call, outcome)
        finally:
            self._calls.update(partial(_without, call=call))
            call.finish(outcome)

    def forget(self, key: Hashable | None) -> None:
        """Detach the call of a key, or of all keys (None): the next caller starts a new one."""
        for each, call in list((self._calls.get() or {}).items()):
            if key is None or each == key:
                call.mark.is_forgotten = True
                # It stays in the mapping, beside any key, so that `close` wakes its waiters.
                self._calls.update(partial(_renamed, call=call))

    def close(self) -> bool:
        """Refuse further calls and wake all waiters; return whether this is the first time."""
        before, _ = self._calls.update(lambda _calls: None)
        for call in () if before is None else before.values():
            call.mark.is_forgotten = True
            call.finish(None)
        return before is not None


def _without(
    calls: Mapping[Hashable, InFlightCall[Any]] | None, *, call: InFlightCall[Any]
) -> Mapping[Hashable, InFlightCall[Any]] | None:
    """Return the calls without one of them."""
    if calls is None or call not in calls.values():
        return calls
    return {key: each for key, each in calls.items() if each is not call}


def _renamed(
    calls: Mapping[Hashable, InFlightCall[Any]] | None, *, call: InFlightCall[Any]
) -> Mapping[Hashable, InFlightCall[Any]] | None:
    """Return the calls with one of them under a key that no caller asks for."""
    rest = _without(calls, call=call)
    return rest if rest is None or rest is calls else {**rest, call.mark: call}
