"""Everything an engine knows about the token of one scope."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from credicorp_auth.engine.tokens.rejections import Rejections
from credicorp_auth.http.challenge import Verdict
from credicorp_auth.lifecycle.runtime import Issuance, comes_later
from credicorp_auth.oauth.token import AccessToken

if TYPE_CHECKING:
    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.engine.single_flight.call import InFlightCall
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.windows import Instant, Windows
    from credicorp_auth.oauth.scope import Scope

Fresh = tuple[
    Callable[[], float], Callable[[], float], float, float, AccessToken, Callable[[], str]
]
"""
The one record that a caller with a fresh token reads: wall clock, boot clock, the moments of both
until which the token is fresh, the token, and what returns its header.
"""

_NO_TOKEN: Final[Any] = None

_REMEMBERED_REJECTIONS: Final = 8  # record ids


@frozen(eq=False)
class Held:
    """
    A token in hand, with the moments that the fresh path compares.

    Args:
        token: What callers get.
        windows: When it is fresh, and until when it lives.
        record_id: The name of its record in the cache.
        issuance: Which of two tokens is the newer one.
        fresh_wall: Epoch seconds until which it is fresh by the wall clock.
        fresh_boot: Moment until which it is fresh by the boot clock.
    """

    token: AccessToken
    windows: Windows
    record_id: str
    issuance: Issuance
    fresh_wall: float
    fresh_boot: float

    @classmethod
    def of(cls, token: AccessToken, windows: Windows, record_id: str, number: int) -> Held:
        """Hold a token."""
        issued = windows.issued
        return cls(
            token,
            windows,
            record_id,
            Issuance(issued.wall, number),
            issued.wall + windows.advisory,
            issued.boot + windows.advisory,
        )

    def supersedes(self, other: Held) -> bool:
        """Say whether this token is the newer one, or as new."""
        # Within one process, the clock that never jumps.
        earlier = other.windows.issued.boot - self.windows.issued.boot
        return not comes_later(other.issuance.number, self.issuance.number, earlier)

    def lives_at(self, now: Instant) -> bool:
        """Say whether both clocks agree that the token has not expired."""
        return now.since(self.windows.issued) < self.windows.lifetime


class Holders:
    """
    Index of the entries that hold a token value, so that a 401 does not search all of them.

    Several may hold one value: some servers give one token for whatever scope is asked for.
    """

    def __init__(self) -> None:
        # Reentrant: a signal handler may ask for a token on the thread that holds it.
        self._lock = threading.RLock()
        self._entries: dict[Secret, dict[TokenEntry, None]] = {}

    def find(self, value: Secret) -> list[TokenEntry]:
        """Return the entries that hold a token of this value."""
        with self._lock:
            return list(self._entries.get(value, ()))

    def add(self, value: Secret, entry: TokenEntry) -> None:
        """Take note that an entry holds a token of this value."""
        with self._lock:
            self._entries.setdefault(value, {})[entry] = None

    def remove(self, value: Secret, entry: TokenEntry) -> None:
        """Take note that an entry holds it no longer."""
        with self._lock:
            entries = self._entries.get(value, {})
            entries.pop(entry, None)
            if not entries:
                self._entries.pop(value, None)

    def after_fork(self) -> None:
        """In the child: a thread of the parent may have held the lock."""
        self._lock = threading.RLock()


class TokenEntry:
    """
    The held token of one scope, the call that is under way for it, and when to refresh.

    Args:
        scope: Scope that the token is asked for.
        clock: The engine's clocks.
        holders: Index by token value, shared by all entries of one engine.
    """

    __slots__ = (
        "__weakref__",
        "_holders",
        "_stale",
        "asked",
        "call",
        "evicted",
        "fresh",
        "held",
        "lock",
        "lost_until",
        "next_recheck",
        "next_refresh",
        "rejected",
        "rejections",
        "scope",
        "texts",
    )

    def __init__(self, scope: Scope, clock: Clock, holders: Holders) -> None:
        self.scope = scope
        self.lock = threading.Lock()
        self.held: Held | None = None
        self._stale: Fresh = (clock.wall, clock.boot, -inf, -inf, _NO_TOKEN, _NO_TOKEN)
        self.fresh = self._stale
        self._holders = holders
        self.call: InFlightCall | None = None
        self.next_refresh = 0.0
        self.next_recheck = 0.0
        self.rejected: tuple[str, ...] = ()
        self.rejections = Rejections()
        self.texts: tuple[str, ...] = ()  # by which it is found without parsing a scope
        self.asked = False  # since the table looked last; set without a lock, see token_entries.py
        self.evicted = False  # no longer in the table: no call may start here
        self.lost_until = 0.0  # boot-clock moment until which the evicted token was fresh

    def hold(self, held: Held) -> None:
        """Hold a token unless the one in hand is newer; call it under the lock."""
        if self.held is None or held.supersedes(self.held):
            self._replace(held)

    def forget(self, held: Held) -> bool:
        """Drop that very token if it is still the one in hand; call it under the lock."""
        if self.held is not held:
            return False
        self.drop()
        self.rejected = (*self.rejected, held.record_id)[-_REMEMBERED_REJECTIONS:]
        self.next_refresh = 0.0
        return True

    def drop(self) -> None:
        """Drop the token, whichever it is; call it under the lock."""
        self._replace(None)

    def reject(self, token: AccessToken, origin: str, now: float, *, first_pause: float) -> Verdict:
        """Count a 401 to a token, and drop it if that may help; call it under the lock."""
        held = self.held
        if held is None or held.token != token:
            # Someone else met a 401 before: the successor is there or on its way.
            return Verdict.REPLACED
        if not self.rejections.allow_mint(origin, now, first_pause=first_pause):
            return Verdict.KEPT
        self.forget(held)
        return Verdict.DROPPED

    def _replace(self, held: Held | None) -> None:
        before, self.held = self.held, held
        if held is None:
            self.fresh = self._stale
        else:
            wall, boot = self._stale[:2]
            token = held.token
            self.fresh = (wall, boot, held.fresh_wall, held.fresh_boot, token, token.header)
            self._holders.add(token.value, self)
        if before is not None and (held is None or held.token.value != before.token.value):
            self._holders.remove(before.token.value, self)

    def after_fork(self) -> None:
        """Keep the token; drop the lock and the call, which belong to the parent."""
        self.lock = threading.Lock()
        self.call = None
