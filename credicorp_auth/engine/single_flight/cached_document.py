"""
Single-flight cache of one document of the authorization server, with stale-while-revalidate.

Theory of operation. Reading a fresh document is reading one cell. The first caller that finds it
stale starts a background fetch and uses the stale copy; only a caller that needs a missing document
or a missing part of it waits. All of them wait for the same fetch, as callers wait for a token (see
calls.py). The fetch budget limits how often a fetch may start (see fetch_budget.py); the fetch
itself spends it, before it sends anything.

A failed fetch keeps the cached copy (stale-if-error) until the copy reaches its maximum age. A
response that withdraws everything is fetched a second time before it takes effect. From the time
that second fetch is due, the cached copy is not used until the fetch ends, because the issuer may
have revoked all of it.

If no thread can start, the fetch runs on the calling thread. A refresh that is not needed yet is
then limited to `INLINE_REFRESH` seconds.
"""

from __future__ import annotations

import math
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from attrs import Factory, evolve, field, frozen

from credicorp_auth.engine.progress import Progress
from credicorp_auth.engine.single_flight.calls import SingleFlight
from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.engine.single_flight.driver import drive
from credicorp_auth.engine.single_flight.in_flight import InFlightCall, run_guarded
from credicorp_auth.errors import Closed, CredicorpAuthError
from credicorp_auth.lifecycle.document import CachedCopy, FetchedDocument, Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.keys.fetch_budget import FetchBudget
    from credicorp_auth.engine.single_flight.driver import Wait

D = TypeVar("D")

INLINE_REFRESH: Final = 2.0
"""Seconds that an optional refresh may block its caller if no thread can start."""

_KEY: Final = "document"


class NoFetch(Enum):
    """Why a caller does not wait for a fetch."""

    NOT_ALLOWED = "the budget, or the caller's place inside the fetch, allows none"
    NEWER = "a newer document has come meanwhile"


@frozen(eq=False)
class DocumentState(Generic[D]):
    """
    What is known about a document; every change is a new value.

    Args:
        budget: Limits how often a fetch may start.
        kept: The document, and when its fetch began; None if there is none yet.
        fresh_until: Boot-clock time until which it is fresh.
        failure: The error of the last fetch, or None.
        confirm_at: Boot-clock time of the fetch that must confirm that all was withdrawn.
        document: The document, usable or not; it is read for each token.
    """

    budget: FetchBudget
    kept: CachedCopy[D] | None = None
    fresh_until: float = -1.0
    failure: CredicorpAuthError | None = None
    confirm_at: float = math.inf
    document: D | None = field(
        default=Factory(lambda state: state.kept and state.kept.document, takes_self=True),
        init=False,
    )

    def after(
        self,
        outcome: FetchedDocument[D] | Unconfirmed | CredicorpAuthError,
        began: float,
        sought: str | None,
        now: float,
    ) -> DocumentState[D]:
        """
        Return the state after a fetch, unless the cached copy is newer.

        Args:
            outcome: What the fetch has brought.
            began: Boot-clock time at which it began.
            sought: The name of the missing part that caused it; None for a routine fetch.
            now: Boot-clock time.
        """
        budget, confirms = self.budget, began >= self.confirm_at
        confirm_at = math.inf if confirms else self.confirm_at
        if isinstance(outcome, CredicorpAuthError):
            budget = budget.held_off(now + (getattr(outcome, "retry_after", None) or 0.0))
            return evolve(self, budget=budget, failure=outcome, confirm_at=confirm_at)
        if sought is not None:
            budget = budget.after_search(sought, now)
        if self.kept is not None and began < self.kept.since:
            return evolve(self, budget=budget, confirm_at=confirm_at)
        if isinstance(outcome, Unconfirmed):
            due = now + outcome.seconds
            return evolve(
                self,
                budget=budget.agreed_on(due),
                failure=outcome.error,
                fresh_until=due,
                confirm_at=due,
            )
        # A name that a routine fetch misses is searched for once: an issuer's replica may lag.
        if confirms or sought is not None:
            for name in outcome.withdrawn:
                budget = budget.after_search(name, now)
        return DocumentState(budget, outcome.kept(began), began + outcome.fresh)


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
        self.timeout, self._longest = timeout, longest
        self._state: Cell[DocumentState[D]] = Cell(DocumentState(budget))
        self.state = self._state.get
        self._calls: SingleFlight[str] = SingleFlight(
            name,
            clock,
            timeout,
            keep=lambda _call, outcome: outcome,
            # Only the parent gets the result of that fetch, so the child may fetch at once.
            note_orphaned=lambda _key: self._change(
                lambda state: evolve(state, budget=state.budget.refilled())
            ),
        )

    @property
    def document(self) -> D | None:
        """The document, usable or not; None if it was never fetched."""
        return self._state.get().document

    @property
    def failure(self) -> CredicorpAuthError | None:
        """The error of the last fetch; None if it has succeeded."""
        return self._state.get().failure

    def current(self) -> D | None:
        """Return the document if it is usable, fresh or stale; otherwise None."""
        return self._usable(self._state.get())

    def _usable(self, state: DocumentState[D]) -> D | None:
        kept, now = state.kept, self._boot()
        if kept is None or now >= kept.since + self._longest or now >= state.confirm_at:
            return None
        return kept.document

    def refresh(self) -> None:
        """Start a background fetch if the document is stale; do not wait for it."""
        state = self._state.get()
        if self._boot() >= state.fresh_until:
            spare = self.timeout if self._usable(state) is None else INLINE_REFRESH
            self.join(seconds=spare)

    def expire(self) -> None:
        """Mark the document as stale; it stays in use."""
        self._change(lambda state: evolve(state, fresh_until=-1.0))

    def join(
        self,
        *,
        sought: str | None = None,
        seconds: float | None = None,
        seen: DocumentState[D] | None = None,
    ) -> InFlightCall[str] | NoFetch:
        """
        Return the fetch to wait for; start one if none is in progress and the budget allows it.

        Args:
            sought: The name of the part of the document that the caller needs; None for any.
            seconds: The longest time that an inline fetch may take; None for the fetch timeout.
            seen: The state in which the caller has looked for that part.

        Returns:
            The fetch, whose outcome is the name that it was started for; or why there is none.
        """

        def instead() -> NoFetch | None:
            state = self._state.get()
            if seen is not None and state.document is not seen.document:
                return NoFetch.NEWER
            # Without a usable document every fetch is a routine one, named part or not.
            lacks = None if self._usable(state) is None else sought
            is_inside = self._calls.is_inside(_KEY)  # the transport needs the document itself
            allowed = not is_inside and state.budget.allows(self._boot(), sought=lacks)
            return None if allowed else NoFetch.NOT_ALLOWED

        spare = self.timeout if seconds is None else min(seconds, self.timeout)
        try:
            return self._calls.join(_KEY, partial(self._run, sought), instead, inline_seconds=spare)
        except Closed:
            return NoFetch.NOT_ALLOWED

    def _run(self, sought: str | None, call: InFlightCall[str]) -> str:
        self._change(lambda state: evolve(state, budget=state.budget.after_start(call.began)))
        kept = self._state.get().kept
        outcome = run_guarded(partial(self._fetch, kept, call.deadline))
        now = self._boot()
        self._change(lambda state: state.after(outcome, call.began, sought, now))
        return sought or ""

    def _change(self, change: Callable[[DocumentState[D]], DocumentState[D]]) -> None:
        self._state.update(change)

    def obtain(self, seconds: float) -> D:
        """
        Return the document; block this thread for a fetch if there is no usable one.

        Args:
            seconds: The longest wait in seconds, capped by the fetch timeout.

        Raises:
            CredicorpAuthError: The error of the last fetch, or `DeadlinePassed`.
        """
        return drive(self._obtain(min(seconds, self.timeout)))

    def _obtain(self, seconds: float) -> Generator[Wait, None, D]:
        progress, deadline = Progress(), self._boot() + seconds
        if self.current() is None:
            fetch = self.join(seconds=seconds)
            if isinstance(fetch, InFlightCall):
                progress = fetch.progress
                yield fetch, deadline - self._boot()
        else:
            self.refresh()
        state = self._state.get()
        document = self._usable(state)
        if document is not None:
            return document
        if state.failure is not None:
            raise state.failure.copy()
        raise progress.deadline_passed(f"the {self._name} did not come within the time allowed")

    def close(self) -> None:
        """Refuse further fetches and wake all waiters."""
        self._calls.close()
