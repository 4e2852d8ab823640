"""
Single-flight cache of one document of the authorization server, with stale-while-revalidate.

Theory of operation. Reading a fresh document is one attribute access. The first caller that finds
it stale starts a background fetch and uses the stale copy; only a caller that needs a missing
document or a missing part of it waits. All of them wait for the same fetch, as callers wait for a
token (see call.py). The fetch budget limits how often a fetch may start (see fetch_budget.py).

A failed fetch keeps the cached copy (stale-if-error) until the copy reaches its maximum age. A
response that withdraws everything is fetched a second time before it takes effect. From the time
that second fetch is due, the cached copy is not used until the fetch ends, because the issuer may
have revoked all of it.

If no thread can start, the fetch runs on the calling thread. A refresh that is not needed yet is
then limited to `INLINE_REFRESH` seconds.
"""

from __future__ import annotations

import contextvars
import math
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import frozen

from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.progress import Progress
from credicorp_auth.engine.single_flight.call import IN_FLIGHT, run_guarded, start_thread
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, wake_all
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.document import Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.keys.fetch_budget import FetchBudget
    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.lifecycle.document import CachedCopy, FetchedDocument

D = TypeVar("D")

INLINE_REFRESH: Final = 2.0
"""Seconds that an optional refresh may block its caller if no thread can start."""


class Fetch:
    """
    A fetch in progress.

    Args:
        began: Boot-clock time at which it began.
        deadline: Boot-clock time after which it counts as lost.
        sought: The name of the missing part that caused the fetch; None for a routine fetch.
    """

    __slots__ = ("began", "deadline", "is_over", "progress", "sought", "waiters")

    def __init__(self, began: float, deadline: float, sought: str | None) -> None:
        self.began, self.deadline, self.sought = began, deadline, sought
        self.progress = Progress()
        self.waiters: list[Waiter] = []
        self.is_over = False


@frozen(eq=False)
class FetchHandle:
    """
    Wait handle of a caller that waits for a fetch.

    Args:
        fetch: The fetch that the caller waits for.
        waiter: Wakes the caller.
        deadline: Boot-clock time at which the caller gives up.
        is_last: True if the caller may not wait for another fetch after this one.
    """

    fetch: Fetch
    waiter: Waiter
    deadline: float
    is_last: bool


class CachedDocument(Generic[D]):
    """
    A cached document, and at most one fetch of it in progress.

    Args:
        name: The kind of document, used in thread names and error messages.
        fetch: Fetches the document, given the cached copy or None and a boot-clock deadline.
        clock: The wall clock and the boot clock.
        timeout: Seconds that a fetch may take.
        budget: Limits how often a fetch may start.
        longest: Maximum age in seconds; an older copy is not used.
    """

    def __init__(  # noqa: PLR0913 - the parameters of a document kind
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
        """Return the document if it is usable, fresh or stale; otherwise None."""
        kept, now = self._kept, self._boot()
        if kept is None or now >= kept.since + self._longest or now >= self._confirm_at:
            return None
        return kept.document

    def refresh(self) -> None:
        """Start a background fetch if the document is stale; do not wait for it."""
        if self._boot() >= self.fresh_until:
            spare = self._timeout if self.current() is None else INLINE_REFRESH
            self._join(None, None, min(spare, self._timeout))

    def expire(self) -> None:
        """Mark the document as stale; it stays in use."""
        self.fresh_until = -1.0

    def admit(
        self,
        waiter: Waiter,
        *,
        sought: str | None = None,
        seconds: float | None = None,
        after: FetchHandle | None = None,
    ) -> FetchHandle | None:
        """
        Register a caller to be woken when a fetch ends; start a fetch if none is in progress.

        Args:
            waiter: Wakes the caller.
            sought: The name of the part of the document that the caller needs; None for any.
            seconds: The longest wait in seconds; None for the fetch timeout.
            after: The handle of the caller's earlier wait, which did not bring what it needs.

        Returns:
            The wait handle; None if no fetch may start, or if another fetch would not help.
        """
        if after is not None and (after.is_last or not after.fetch.is_over):
            return None
        if after is not None and sought in {None, after.fetch.sought}:
            return None  # that fetch looked for this name and did not find it
        seconds = self._timeout if seconds is None else min(seconds, self._timeout)
        deadline = self._boot() + seconds if after is None else after.deadline
        fetch = self._join(waiter, sought, deadline - self._boot())
        return None if fetch is None else FetchHandle(fetch, waiter, deadline, after is not None)

    def cancel(self, handle: FetchHandle) -> None:
        """Stop waiting; the fetch goes on."""
        with self._lock:
            if handle.waiter in handle.fetch.waiters:
                handle.fetch.waiters.remove(handle.waiter)

    def obtain(self, seconds: float) -> D:
        """
        Return the document; block this thread for a fetch if there is no usable one.

        Args:
            seconds: The longest wait in seconds, capped by the fetch timeout.

        Raises:
            CredicorpAuthError: The error of the last fetch, or `DeadlinePassed`.
        """
        progress = Progress()
        if self.current() is None:
            waiter = ThreadWaiter()
            handle = self.admit(waiter, seconds=seconds)
            if handle is not None:
                waiter.wait(min(seconds, self._timeout))
                self.cancel(handle)
                progress = handle.fetch.progress
        else:
            self.refresh()
        document = self.current()
        if document is not None:
            return document
        if self.failure is not None:
            raise self.failure.copy()
        raise progress.deadline_passed(f"the {self._name} did not come within the time allowed")

    def _join(self, waiter: Waiter | None, sought: str | None, seconds: float) -> Fetch | None:
        """Return the fetch in progress; start one if there is none and the budget allows it."""
        if self in IN_FLIGHT.get():
            return None  # reentrant: the transport of this fetch needs the document itself
        with self._lock:
            if self._closed:
                return None
            now, fetch, begins = self._boot(), self._under_way, False
            if fetch is None or now >= fetch.deadline:
                # Without a usable document every fetch is a routine one, named part or not.
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
        fetch.progress.begin()
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
        """Store the result of a fetch, unless the cached copy is newer."""
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
        # A name that a routine fetch misses is searched for once: an issuer's replica may lag.
        if confirms or fetch.sought is not None:
            for name in outcome.withdrawn:
                self._budget.note_search(name, now)
        self._kept, self._confirm_at = outcome.kept(fetch.began), math.inf
        self.document, self.fresh_until = outcome.document, fetch.began + outcome.fresh
        self.failure = None

    def close(self) -> None:
        """Refuse further fetches and wake all waiters."""
        with self._lock:
            self._closed = True
            fetch = self._under_way
            waiters = [] if fetch is None else list(fetch.waiters)
        wake_all(waiters)

    def after_fork(self) -> None:
        """Keep the document in the forked child; drop the parent's lock and fetch."""
        self._lock = threading.Lock()
        if self._under_way is not None:
            # Only the parent gets the result of that fetch, so the child may fetch at once.
            self._under_way = None
            self._budget.reset()
