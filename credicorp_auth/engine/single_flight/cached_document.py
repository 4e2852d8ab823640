"""
One document of the authorization server: fetched once for all who ask, kept, used while stale.

Theory of operation. Whoever finds the document fresh reads an attribute. Once it is no longer
fresh, somebody sends for a newer one and goes on with the one at hand; nobody who can be served
with what is at hand ever waits. Those who cannot, because there is none or because it lacks what
they look for, wait for the one fetch that is under way, as they would for a token (see flight.py).
How often a fetch may begin is the budget's business (see fetch_budget.py).

A failed fetch leaves the document as it is, until it is too old to be believed. A response that
withdraws everything is asked for once more before it counts. When that second fetch is due, the
document at hand serves nobody until the fetch is over: its issuer may have revoked all of it.

Where no thread can start, a fetch runs on the thread of the caller who needs it. A refresh that
nobody needs yet may then take a second or two of that caller's time, and no more.
"""

from __future__ import annotations

import contextvars
import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import frozen

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.single_flight.call import IN_FLIGHT, run_guarded, start_thread
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, wake_all
from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.lifecycle.document import Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.keys.fetch_budget import FetchBudget
    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.lifecycle.document import CachedCopy, FetchedDocument

D = TypeVar("D")

INLINE_REFRESH: Final = 2.0
"""Seconds that a refresh may hold up a caller who could do without it, if no thread can start."""


class Fetch:
    """
    A fetch under way.

    Args:
        began: Moment of the boot clock at which it began.
        deadline: Moment of the boot clock after which it counts as lost.
        sought: The name of the part of the document that it was begun for, if it was for one.
    """

    __slots__ = ("began", "deadline", "is_over", "sought", "waiters")

    def __init__(self, began: float, deadline: float, sought: str | None) -> None:
        self.began, self.deadline, self.sought = began, deadline, sought
        self.waiters: list[Waiter] = []
        self.is_over = False


@frozen(eq=False)
class Place:
    """
    A caller's place among those who wait for a document.

    Args:
        fetch: The fetch.
        waiter: The caller.
        deadline: Moment of the boot clock at which the caller gives up.
        is_last: Whether the caller waits for no other fetch after this one.
    """

    fetch: Fetch
    waiter: Waiter
    deadline: float
    is_last: bool


class CachedDocument(Generic[D]):
    """
    A document, and at most one fetch of it under way.

    Args:
        name: What it is, for the name of the thread.
        fetch: Brings a newer one, given the one at hand and a moment of the boot clock to be back.
        clock: The clocks.
        timeout: Seconds a fetch may take.
        budget: Says how often one may begin.
        longest: Seconds after which a document is not believed any more.
    """

    def __init__(  # noqa: PLR0913 - what makes one kind of document differ from another
        self,
        name: str,
        fetch: Callable[[CachedCopy[D] | None, float], FetchedDocument[D] | Unconfirmed],
        clock: Clock,
        *,
        timeout: float,
        budget: FetchBudget,
        longest: float,
    ) -> None:
        self._name, self._fetch, self._boot = name, fetch, clock.boot
        self._timeout, self._budget, self._longest = timeout, budget, longest
        self._lock = threading.Lock()
        self._kept: CachedCopy[D] | None = None
        self._under_way: Fetch | None = None
        self._confirm_at = math.inf
        self._closed = False
        self.document: D | None = None
        self.fresh_until = -1.0
        self.failure: CredicorpAuthError | None = None
        renew_after_fork(self)

    def current(self) -> D | None:
        """Return the document, as long as it may be believed."""
        kept, now = self._kept, self._boot()
        if kept is None or now >= kept.since + self._longest or now >= self._confirm_at:
            return None
        return kept.document

    def refresh(self) -> None:
        """Send for a newer one if it is time; nobody waits for it."""
        if self._boot() >= self.fresh_until:
            spare = self._timeout if self.current() is None else INLINE_REFRESH
            self._join(None, None, min(spare, self._timeout))

    def expire(self) -> None:
        """Take the document for no longer fresh; it stays in use."""
        self.fresh_until = -1.0

    def admit(
        self,
        waiter: Waiter,
        *,
        sought: str | None = None,
        seconds: float | None = None,
        after: Place | None = None,
    ) -> Place | None:
        """
        Let a caller wait for a fetch.

        Args:
            waiter: The caller.
            sought: What the caller looks for in the document by name, if anything.
            seconds: Seconds that the caller waits at most; None for as long as a fetch may take.
            after: Where the caller waited before, in vain.

        Returns:
            None if none is under way and none may begin, or if another is no use.
        """
        if after is not None and (after.is_last or not after.fetch.is_over):
            return None
        if after is not None and sought in {None, after.fetch.sought}:
            return None  # that fetch began for this name, and did not bring it
        seconds = self._timeout if seconds is None else min(seconds, self._timeout)
        deadline = self._boot() + seconds if after is None else after.deadline
        fetch = self._join(waiter, sought, deadline - self._boot())
        return None if fetch is None else Place(fetch, waiter, deadline, after is not None)

    def leave(self, place: Place) -> None:
        """Give a place up; the fetch goes on."""
        with self._lock:
            if place.waiter in place.fetch.waiters:
                place.fetch.waiters.remove(place.waiter)

    def obtain(self, seconds: float) -> D:
        """
        Return the document; wait on this thread if there is none to be believed.

        Args:
            seconds: How long to wait at most.

        Raises:
            CredicorpAuthError: Why there is none.
        """
        if self.current() is None:
            waiter = ThreadWaiter()
            place = self.admit(waiter, seconds=seconds)
            if place is not None:
                waiter.wait(min(seconds, self._timeout))
                self.leave(place)
        else:
            self.refresh()
        document = self.current()
        if document is not None:
            return document
        if self.failure is not None:
            raise self.failure.copy()
        raise DeadlinePassed(f"the {self._name} did not come within the time allowed")

    def _join(self, waiter: Waiter | None, sought: str | None, seconds: float) -> Fetch | None:
        """Return the fetch under way; begin one if there is none and the budget allows it."""
        if self in IN_FLIGHT.get():
            return None  # a transport that asks for what it is fetching must do without
        with self._lock:
            if self._closed:
                return None
            now, fetch, begins = self._boot(), self._under_way, False
            if fetch is None or now >= fetch.deadline:
                # Without a document a fetch is a routine one, whatever its caller looks for in it.
                lacks = None if self.current() is None else sought
                if not self._budget.allows(now, sought=lacks):
                    return None
                fetch, begins = Fetch(now, now + self._timeout, sought), True
                self._under_way = fetch
                self._budget.begin(now)
            if waiter is not None:
                fetch.waiters.append(waiter)
        if begins and not start_thread(
            f"credicorp-auth {self._name}", partial(self._run_call, fetch)
        ):
            fetch.deadline = min(fetch.deadline, fetch.began + seconds)
            contextvars.copy_context().run(self._run_call, fetch)
        return fetch

    def _run_call(self, fetch: Fetch) -> None:
        IN_FLIGHT.set((*IN_FLIGHT.get(), self))
        outcome = run_guarded(partial(self._fetch, self._kept, fetch.deadline))
        with self._lock:
            self._take(fetch, outcome)
            if self._under_way is fetch:
                self._under_way = None
            fetch.is_over = True
            waiters, fetch.waiters = fetch.waiters, []
        wake_all(waiters)

    def _take(
        self, fetch: Fetch, outcome: FetchedDocument[D] | Unconfirmed | CredicorpAuthError
    ) -> None:
        """Take over what a fetch brought, unless something newer is here."""
        now, confirms = self._boot(), fetch.began >= self._confirm_at
        if confirms:
            self._confirm_at = math.inf
        if isinstance(outcome, CredicorpAuthError):
            self.failure = outcome
            self._budget.hold_off(now + (getattr(outcome, "retry_after", None) or 0.0))
            return
        if fetch.sought is not None:
            self._budget.note_search(fetch.sought, now)
        if self._kept is not None and fetch.began < self._kept.since:
            return
        if isinstance(outcome, Unconfirmed):
            self.failure = outcome.error
            self.fresh_until = self._confirm_at = now + outcome.seconds
            self._budget.agree_on(self._confirm_at)
            return
        # What a routine fetch misses is looked for once: a replica of the issuer may lag behind.
        if confirms or fetch.sought is not None:
            for name in outcome.withdrawn:
                self._budget.note_search(name, now)
        self._kept, self._confirm_at = outcome.kept(fetch.began), math.inf
        self.document, self.fresh_until = outcome.document, fetch.began + outcome.fresh
        self.failure = None

    def close(self) -> None:
        """Start no fetch any more, and wake everyone who waits."""
        with self._lock:
            self._closed = True
            fetch = self._under_way
            waiters = [] if fetch is None else list(fetch.waiters)
        wake_all(waiters)

    def after_fork(self) -> None:
        """In the child: keep the document; drop the lock and the fetch of the parent."""
        self._lock = threading.Lock()
        if self._under_way is not None:
            # What it brings comes home in the parent only, so this process may ask at once.
            self._under_way = None
            self._budget.reset()
