"""
Admission of a caller: a valid token, an error, or a wait for a call.

Every decision is made from values in memory, in a few microseconds. Nothing here waits, changes
anything or calls third-party code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.lifecycle.windows import Freshness
from credicorp_auth.oauth.refusal import refuses_client

if TYPE_CHECKING:
    from credicorp_auth.engine.tokens.entry import EntryState, Held
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.scope import Scope


@frozen(eq=False)
class UnderWay:
    """
    The calls in flight for one scope.

    Args:
        full: Whether one that may ask the token endpoint is under way.
        cache_only: Whether one that only reads the cache is under way.
        is_inside: Whether the caller runs inside one of them.
    """

    full: bool = False
    cache_only: bool = False
    is_inside: bool = False


NOTHING = UnderWay()


@frozen(eq=False)
class Decision:
    """
    What one caller gets.

    Args:
        held: The token to return, or None.
        is_fresh: Whether that token needs no refresh yet.
        refreshes: Whether a call must refresh it in the background.
        error: The error to raise; beside a token, the error that defers its due refresh.
        cache_only: Whether the call to wait for, if there is neither, may only read the cache.
    """

    held: Held | None = None
    is_fresh: bool = False
    refreshes: bool = False
    error: CredicorpAuthError | None = None
    cache_only: bool = False

    @property
    def waits(self) -> bool:
        """Whether the caller must wait for a call."""
        return self.held is None and self.error is None


class Admissions:
    """
    Decides about callers.

    Args:
        runtime: Supplies the endpoint state and the cache's capabilities.
    """

    def __init__(self, runtime: ServerRuntime) -> None:
        self._runtime = runtime

    def decide(
        self, scope: Scope, state: EntryState, now: Instant, deadline: float, calls: UnderWay
    ) -> Decision:
        """
        Decide about a caller.

        Args:
            scope: The scope of the token that is asked for.
            state: The state of its entry.
            now: The time by both clocks.
            deadline: Boot-clock time at which the caller gives up.
            calls: The calls in flight for the scope.
        """
        held = state.held
        if held is not None:
            freshness = held.windows.freshness_at(now)
            if freshness is Freshness.FRESH:
                return Decision(held, is_fresh=True)
            if freshness is Freshness.ADVISORY:
                return Decision(held, refreshes=self._may_refresh(scope, state, now, calls))
        if not deadline > now.boot:
            return Decision(error=DeadlinePassed("no time was allowed to wait for a token"))
        usable = held if held is not None and held.valid_at(now) else None
        error = self._why_not(scope, now, deadline if usable is None else now.boot)
        if error is None:
            return Decision()
        if usable is not None:
            return Decision(None if refuses_client(error) else usable, error=error)
        rechecks = self._may_recheck(state, now, error, calls)
        return Decision(cache_only=True) if rechecks else Decision(error=error)

    def _why_not(self, scope: Scope, now: Instant, deadline: float) -> CredicorpAuthError | None:
        """Return why no call can obtain a token before `deadline`; None if one may."""
        state = self._runtime.recall()
        refusal = state.refusal_of(scope, now.boot)
        if refusal is not None and now.boot < refusal.next_recheck:
            return refusal.error.copy()
        return state.cooldown_error(now.boot) if state.cooldown_until > deadline else None

    def _may_recheck(
        self, state: EntryState, now: Instant, error: CredicorpAuthError, calls: UnderWay
    ) -> bool:
        """Return whether to read the cache although the endpoint must not be asked."""
        # Another host may still reach the endpoint and share its token through the cache.
        if not error.retryable or not self._runtime.cache.is_shared or calls.full:
            return False
        return calls.cache_only or now.boot >= state.next_recheck

    def _may_refresh(self, scope: Scope, state: EntryState, now: Instant, calls: UnderWay) -> bool:
        """Return whether a refresh is due, and none is in flight."""
        if calls.full or calls.cache_only or calls.is_inside or now.boot < state.next_refresh:
            return False
        return self._why_not(scope, now, now.boot) is None
