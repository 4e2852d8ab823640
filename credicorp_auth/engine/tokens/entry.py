"""Token entry: the held token of one scope, its in-flight call and its refresh state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
The one record that the fresh path reads: wall clock, boot clock, the times by each clock until
which the token is fresh, the token, and the function that returns its `Authorization` header.
"""

_NO_TOKEN: Final[Any] = None

_REMEMBERED_REJECTIONS: Final = 8  # record ids


class Held(NamedTuple):
    """
    A held token, with the times that the fresh path compares.

    Args:
        token: The token that callers get.
        windows: Its refresh windows and lifetime.
        record_id: The id of its cache record.
        issuance: Issue time and number; they tell which of two tokens is newer.
        fresh_wall: Epoch seconds until which it is fresh by the wall clock.
        fresh_boot: Boot-clock time until which it is fresh.
    """

    token: AccessToken
    windows: Windows
    record_id: str
    issuance: Issuance
    fresh_wall: float
    fresh_boot: float

    @classmethod
    def of(cls, token: AccessToken, windows: Windows, record_id: str, number: int) -> Held:
        """Return a held token; compute the times until which it is fresh."""
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
        """Return whether this token is at least as new as another."""
        # Within one process the boot clock, which never jumps, orders the two.
        earlier = other.windows.issued.boot - self.windows.issued.boot
        return not comes_later(other.issuance.number, self.issuance.number, earlier)

    def valid_at(self, now: Instant) -> bool:
        """Return whether the token is valid (not expired) by both clocks."""
        return now.since(self.windows.issued) < self.windows.lifetime


class Holders:
    """
    Index of entries by token value, so that a 401 does not search all entries.

    Several entries may hold one value: some servers return one token for every scope.
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
        """Record that an entry holds a token of this value."""
        with self._lock:
            self._entries.setdefault(value, {})[entry] = None

    def remove(self, value: Secret, entry: TokenEntry) -> None:
        """Record that an entry no longer holds a token of this value."""
        with self._lock:
            entries = self._entries.get(value, {})
            entries.pop(entry, None)
            if not entries:
                self._entries.pop(value, None)

    def after_fork(self) -> None:
        """Replace the lock in the forked child: a thread of the parent may have held it."""
        self._lock = threading.RLock()


class TokenEntry:
    """
    The held token of one scope, its in-flight call and its next refresh time.

    Args:
        scope: The scope that the token is requested for.
        clock: The wall clock and the boot clock.
        holders: The index by token value, shared by all entries of one engine.
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
        self.texts: tuple[str, ...] = ()  # scope strings that find it without being parsed
        self.asked = False  # used since the last eviction scan; set without a lock
        self.evicted = False  # no longer in the table: no call may start here
        self.lost_until = 0.0  # boot-clock time until which the evicted token was fresh

    def hold(self, held: Held) -> None:
        """Store a token unless the held one is newer; call it under the lock."""
        if self.held is None or held.supersedes(self.held):
            self._replace(held)

    def forget(self, held: Held) -> bool:
        """Drop a token and record its rejection if it is still held; call it under the lock."""
        if self.held is not held:
            return False
        self.drop()
        self.rejected = (*self.rejected, held.record_id)[-_REMEMBERED_REJECTIONS:]
        self.next_refresh = 0.0
        return True

    def drop(self) -> None:
        """Drop the held token, if any; call it under the lock."""
        self._replace(None)

    def reject(self, token: AccessToken, origin: str, now: float, *, first_pause: float) -> Verdict:
        """Count a 401 to a token; drop it if a mint may help. Call it under the lock."""
        held = self.held
        if held is None or held.token != token:
            # An earlier 401 has dropped it: its successor is held or in flight.
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
        """Keep the token in the forked child; drop the parent's lock and call."""
        self.lock = threading.Lock()
        self.call = None
