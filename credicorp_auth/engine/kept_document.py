"""
One document of the authorization server: fetched once for all who ask, kept, used while stale.

Theory of operation. Whoever finds the document fresh reads an attribute. Once it is no longer
fresh, somebody sends for a newer one and goes on with the one at hand; nobody who can be served
with what is at hand ever waits. Those who cannot, because there is none or because it lacks what
they look for, wait for the one fetch that is under way, as they would for a token (see flight.py).

What is counted is attempts, not successes: for a while after a fetch began no other begins,
however it ended. So neither an outage nor a flood of questions that no document can answer makes
more than a few requests; and a server that asks to be left alone for longer is left alone. A failed
fetch leaves the document as it is, until it is too old to be believed.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from attrs import frozen

from credicorp_auth.engine.flight import FLYING, Flight, live, start_thread
from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.waiter import ThreadWaiter, wake_all
from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.waiter import Waiter
    from credicorp_auth.lifecycle.document import Fetched, Kept

D = TypeVar("D")


@frozen(eq=False)
class Place:
    """
    A caller's place among those who wait for a document.

    Args:
        flight: The fetch.
        waiter: The caller.
        deadline: Moment of the boot clock at which the caller gives up.
    """

    flight: Flight
    waiter: Waiter
    deadline: float


class KeptDocument(Generic[D]):
    """
    A document, and at most one fetch of it under way.

    Args:
        name: What it is, for the name of the thread.
        fetch: Brings a newer one, given the one at hand and a moment of the boot clock to be back.
        clock: The clocks.
        timeout: Seconds a fetch may take.
        cool_down: Seconds between the beginnings of two fetches.
        longest: Seconds after which a document is not believed any more.
    """

    def __init__(  # noqa: PLR0913 - what makes one kind of document differ from another
        self,
        name: str,
        fetch: Callable[[Kept[D] | None, float], Fetched[D]],
        clock: Clock,
        *,
        timeout: float,
        cool_down: float,
        longest: float,
    ) -> None:
        self._name, self._fetch, self._boot = name, fetch, clock.boot
        self._timeout, self._cool_down, self._longest = timeout, cool_down, longest
        self._lock = threading.Lock()
        self._kept: Kept[D] | None = None
        self._flight: Flight | None = None
        self._next_attempt = 0.0
        self._closed = False
        self.document: D | None = None
        self.fresh_until = -1.0
        self.failure: CredicorpAuthError | None = None
        renew_after_fork(self)

    def current(self) -> D | None:
        """Return the document, as long as it may be believed."""
        kept = self._kept
        if kept is None or self._boot() >= kept.since + self._longest:
            return None
        return kept.document

    def refresh(self) -> None:
        """Send for a newer one if it is time; nobody waits for it."""
        if self._boot() >= self.fresh_until:
            self._join(None)

    def doubt(self) -> None:
        """Take the document for no longer fresh; it stays in use."""
        self.fresh_until = -1.0

    def board(self, waiter: Waiter) -> Place | None:
        """Let a caller wait for a fetch; None: none is under way, and it is too early for one."""
        flight = self._join(waiter)
        return None if flight is None else Place(flight, waiter, self._boot() + self._timeout)

    def leave(self, place: Place) -> None:
        """Give a place up; the fetch goes on."""
        with self._lock:
            if place.waiter in place.flight.waiters:
                place.flight.waiters.remove(place.waiter)

    def obtain(self, seconds: float) -> D:
        """
        Return the document; wait on this thread where there is none to be believed.

        Args:
            seconds: How long to wait at most.

        Raises:
            CredicorpAuthError: Why there is none.
        """
        self.refresh()
        if self.current() is None:
            waiter = ThreadWaiter()
            place = self.board(waiter)
            if place is not None:
                waiter.wait(min(seconds, self._timeout))
                self.leave(place)
        document = self.current()
        if document is not None:
            return document
        if self.failure is not None:
            raise self.failure.copy()
        raise DeadlinePassed(f"the {self._name} did not come within the time allowed")

    def _join(self, waiter: Waiter | None) -> Flight | None:
        if self in FLYING.get():
            return None  # a transport that asks for what it is fetching must do without
        with self._lock:
            if self._closed:
                return None
            moment, flight, starts = self._boot(), self._flight, False
            if flight is None or moment >= flight.deadline:
                if moment < self._next_attempt:
                    return None
                flight, starts = Flight(moment + self._timeout), True
                self._flight, self._next_attempt = flight, moment + self._cool_down
            if waiter is not None:
                flight.waiters.append(waiter)
        if starts:
            start_thread(f"credicorp-auth {self._name}", partial(self._fly, flight, moment))
        return flight

    def _fly(self, flight: Flight, began: float) -> None:
        FLYING.set((*FLYING.get(), self))
        outcome = live(partial(self._fetch, self._kept, flight.deadline))
        with self._lock:
            if isinstance(outcome, CredicorpAuthError):
                self.failure = outcome
                asked = getattr(outcome, "retry_after", None) or 0.0
                self._next_attempt = max(self._next_attempt, self._boot() + asked)
            elif self._kept is None or began >= self._kept.since:
                self._kept = outcome.kept(began)
                self.document, self.fresh_until = outcome.document, began + outcome.fresh
                self.failure = None
            if self._flight is flight:
                self._flight = None
            waiters, flight.waiters = flight.waiters, []
        wake_all(waiters)

    def close(self) -> None:
        """Start no fetch any more, and wake everyone who waits."""
        with self._lock:
            self._closed = True
            flight = self._flight
            waiters = [] if flight is None else list(flight.waiters)
        wake_all(waiters)

    def after_fork(self) -> None:
        """In the child: keep the document; drop the lock and the fetch of the parent."""
        self._lock = threading.Lock()
        if self._flight is not None:
            # What it brings comes home in the parent only, so this process may ask at once.
            self._flight, self._next_attempt = None, 0.0
