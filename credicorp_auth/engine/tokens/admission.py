"""
Admission of a caller without a fresh token: a valid token, a wait for a call, or an error.

Every decision is made under the entry's lock, from state in memory, in a few microseconds. Nothing
here waits or calls third-party code: events are emitted after the lock is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from credicorp_auth.engine.single_flight.call import IN_FLIGHT, InFlightCall
from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed, Reentrant
from credicorp_auth.lifecycle.runtime import TokenRequirements
from credicorp_auth.lifecycle.windows import Freshness
from credicorp_auth.oauth.refusal import refuses_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.single_flight.waiter import Waiter
    from credicorp_auth.engine.tokens.entry import Held, TokenEntry
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.token import AccessToken

_RECHECK: Final = 2.0  # seconds between cache reads while the endpoint must not be asked


class WaitHandle(NamedTuple):
    """
    Wait handle of a caller that waits for an in-flight call.

    Args:
        entry: The entry of the token that is awaited.
        call: The call that the caller waits for.
        waiter: Wakes the caller.
        deadline: Boot-clock time at which the caller gives up.
    """

    entry: TokenEntry
    call: InFlightCall
    waiter: Waiter
    deadline: float


class CallStart(NamedTuple):
    """
    A call that the caller must start.

    Args:
        call: The call to start.
        requirements: The token that the call must obtain.
        replaces_lost: True if an earlier call for the same token counts as lost.
    """

    call: InFlightCall
    requirements: TokenRequirements
    replaces_lost: bool


class Admission(NamedTuple):
    """
    Result of an admission.

    Args:
        result: A valid token, or the handle to wait with.
        call_start: The call to start, or None.
        deferred: The error that defers a due refresh while the valid token is used, or None.
    """

    result: AccessToken | WaitHandle
    call_start: CallStart | None = None
    deferred: CredicorpAuthError | None = None


class Admissions:
    """
    Admits callers that found no fresh token.

    Args:
        runtime: Supplies the clocks and the endpoint state.
        timeout: Seconds that a call may take in all.
    """

    def __init__(self, runtime: ServerRuntime, timeout: float) -> None:
        self._runtime = runtime
        self._timeout = timeout

    def admit(
        self, entry: TokenEntry, timeout: float | None, waits: Callable[[], Waiter]
    ) -> Admission:
        """
        Admit a caller; call it under the entry's lock.

        Args:
            entry: The entry of the token that is asked for.
            timeout: The caller's timeout in seconds, capped by the call timeout; None for that.
            waits: Creates the caller's waiter.

        Raises:
            CredicorpAuthError: No token can be obtained before the caller's deadline.
        """
        seconds = self._timeout if timeout is None else min(timeout, self._timeout)
        now = self._runtime.now()
        held = entry.held
        if held is not None:
            freshness = held.windows.freshness_at(now)
            if freshness is Freshness.FRESH:
                return Admission(held.token)
            if freshness is Freshness.ADVISORY:
                return Admission(held.token, self._refresh(entry, now))
        if not seconds > 0:
            raise DeadlinePassed("no time was allowed to wait for a token")
        usable = held if held is not None and held.valid_at(now) else None
        error = self._why_not(entry, now, now.boot if usable else now.boot + seconds)
        if error is not None and (usable or not self._may_recheck(entry, now, error)):
            return self._use_held_token(usable, error)
        call_start = self._join(entry, now, cache_only=error is not None)
        handle = self._queue(entry, waits(), now.boot + seconds)
        return Admission(handle, call_start)

    @staticmethod
    def _use_held_token(usable: Held | None, error: CredicorpAuthError) -> Admission:
        if usable is None or refuses_client(error):
            raise error
        return Admission(usable.token, deferred=error)

    @staticmethod
    def _queue(entry: TokenEntry, waiter: Waiter, deadline: float) -> WaitHandle:
        assert entry.call is not None  # noqa: S101 - for type checkers: it was joined just now
        entry.call.waiters.append(waiter)
        return WaitHandle(entry, entry.call, waiter, deadline)

    def _why_not(
        self, entry: TokenEntry, now: Instant, deadline: float
    ) -> CredicorpAuthError | None:
        """Return why no call can obtain a token before `deadline`; None if one may."""
        state = self._runtime.recall()
        refusal = state.refusal_of(entry.scope, now.boot)
        if refusal is not None and now.boot < refusal.next_recheck:
            return refusal.error.copy()
        return state.cooldown_error(now.boot) if state.cooldown_until > deadline else None

    def _may_recheck(self, entry: TokenEntry, now: Instant, error: CredicorpAuthError) -> bool:
        """Return whether to read the cache although the endpoint must not be asked."""
        # Another host may still reach the endpoint and share its token through the cache.
        if not error.retryable or not self._runtime.cache.is_shared:
            return False
        if entry.call is not None and now.boot < entry.call.deadline:
            return entry.call.cache_only
        if now.boot < entry.next_recheck:
            return False
        entry.next_recheck = now.boot + _RECHECK
        return True

    def _refresh(self, entry: TokenEntry, now: Instant) -> CallStart | None:
        """Return a call that refreshes the token, unless one is in flight or it is too early."""
        under_way = entry.call is not None and now.boot < entry.call.deadline
        if under_way or now.boot < entry.next_refresh or entry in IN_FLIGHT.get():
            return None
        return None if self._why_not(entry, now, now.boot) else self._join(entry, now)

    def _join(
        self, entry: TokenEntry, now: Instant, *, cache_only: bool = False
    ) -> CallStart | None:
        """Make sure that a call is in flight; return it only if the caller must start it."""
        if entry in IN_FLIGHT.get():
            raise Reentrant("an adapter requested the token that it is helping to obtain")
        found = entry.call
        if found is not None and now.boot < found.deadline and found.cache_only <= cache_only:
            return None
        entry.call = InFlightCall(now.boot + self._timeout, cache_only=cache_only)
        requirements = TokenRequirements(
            entry.scope,
            entry.call.deadline,
            newer_than=entry.held.issuance if entry.held is not None else None,
            rejected=frozenset(entry.rejected),
            refusal=self._runtime.recall().refusal_of(entry.scope, now.boot),
            cache_only=cache_only,
        )
        return CallStart(entry.call, requirements, found is not None and not found.cache_only)
