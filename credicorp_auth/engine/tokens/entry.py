"""Token entry: the held token of one scope and its refresh state, replaced as one value."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.engine.tokens.fresh import Fresh
from credicorp_auth.engine.tokens.rejections import Rejections
from credicorp_auth.lifecycle.runtime import Issuance, comes_later

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.tokens.holders import Holders
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.windows import Instant, Windows
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken

_NO_TOKEN: Final[Any] = None

# Records of one second share their times, which the processor's caches then hold: of ten thousand
# scopes in use, each read of its own number would be a read of main memory.
_whole: Final = lru_cache(maxsize=1024)(float)

_NO_REJECTIONS: Final = Rejections()

_REMEMBERED_REJECTIONS: Final = 8  # record ids

MAX_KEYS: Final = 4
"""Spellings of one scope that find its entry without being parsed."""


@frozen(eq=False)
class Held:
    """
    A held token, with its refresh windows and what is known about its cache record.

    Args:
        token: The token that callers get.
        windows: Its refresh windows and lifetime.
        record_id: The id of its cache record.
        issuance: Issue time and number; they tell which of two tokens is newer.
    """

    token: AccessToken
    windows: Windows
    record_id: str
    issuance: Issuance
    _records: dict[int, Fresh[TokenEntry]] = field(factory=dict, init=False)

    @classmethod
    def of(cls, token: AccessToken, windows: Windows, record_id: str, number: int) -> Held:
        """Return a held token of a lease number."""
        return cls(token, windows, record_id, Issuance(windows.issued.wall, number))

    def supersedes(self, other: Held) -> bool:
        """Return whether this token is at least as new as another."""
        # Within one process the boot clock, which never jumps, orders the two.
        earlier = other.windows.issued.boot - self.windows.issued.boot
        return not comes_later(other.issuance.number, self.issuance.number, earlier)

    def valid_at(self, now: Instant) -> bool:
        """Return whether the token is valid (not expired) by both clocks."""
        return now.since(self.windows.issued) < self.windows.lifetime

    def record(self, entry: TokenEntry) -> Fresh[TokenEntry]:
        """Return the token's only fresh record; make it at the first call."""
        record = self._records.get(0)
        if record is None:
            issued, advisory = self.windows.issued, self.windows.advisory
            until = _whole(int(issued.wall + advisory)) if entry.may_publish else -inf
            until_boot = _whole(int(issued.boot + advisory))
            fresh = Fresh(until, until_boot, self.token, self.token.header, entry)
            record = self._records.setdefault(0, fresh)
        return record

    def expire_record(self) -> None:
        """Expire the fresh record in place, if there is one."""
        record = self._records.get(0)
        if record is not None:
            record.until_wall = -inf


@frozen(eq=False)
class EntryState:
    """
    What is known about the token of one scope; every change is a new value.

    Args:
        held: The held token, or None.
        next_refresh: Boot-clock time before which no background refresh starts.
        next_recheck: Boot-clock time before which the cache is not read again while the endpoint
            must not be asked.
        rejected: Record ids of tokens that a resource rejected.
        rejections: The 401s of resource servers, by origin.
        keys: Spellings of the scope that find the entry without being parsed.
        lost_until: Boot-clock time until which the evicted token was fresh.
        is_evicted: Whether the entry is no longer in the table.
        is_closed: Whether the engine was closed.
    """

    held: Held | None = None
    next_refresh: float = 0.0
    next_recheck: float = 0.0
    rejected: tuple[str, ...] = ()
    rejections: Rejections = _NO_REJECTIONS
    keys: tuple[str | Scope, ...] = ()
    lost_until: float = 0.0
    is_evicted: bool = False
    is_closed: bool = False

    def holding(self, held: Held) -> EntryState:
        """Return the state after a token arrived: it is held unless a newer one is."""
        if self.is_closed or self.is_evicted:
            return self
        if self.held is not None and not held.supersedes(self.held):
            held = self.held
        return evolve(self, held=held, next_refresh=0.0, lost_until=0.0)

    def without(self, held: Held) -> EntryState:
        """Return the state after a token was rejected: it is dropped if it is still held."""
        if self.held is not held:
            return self
        rejected = (*self.rejected, held.record_id)[-_REMEMBERED_REJECTIONS:]
        return evolve(self, held=None, rejected=rejected, next_refresh=0.0)

    def evicted(self) -> EntryState:
        """Return the state after the entry was evicted."""
        lost_until = 0.0
        if self.held is not None:
            lost_until = self.held.windows.issued.boot + self.held.windows.advisory
        return evolve(self, held=None, keys=(), lost_until=lost_until, is_evicted=True)

    def after_401(
        self, token: AccessToken, origin: str, now: float, *, first_pause: float
    ) -> EntryState:
        """Return the state after a 401: it is counted, and the token dropped if a mint may help."""
        if self.held is None or self.held.token != token:
            # An earlier 401 has dropped it: its successor is held or in flight.
            return self
        rejections = self.rejections.after_401(origin, now, first_pause=first_pause)
        counted = evolve(self, rejections=rejections)
        return counted.without(self.held) if rejections.awaits_verdict(origin) else counted

    def known_as(self, key: str | Scope) -> EntryState:
        """Return the state after one more spelling was used."""
        if self.is_evicted or key in self.keys or len(self.keys) >= MAX_KEYS:
            return self
        return evolve(self, keys=(*self.keys, key))


class TokenEntry:
    """
    The held token of one scope, and its refresh state.

    Args:
        scope: The scope that the token is requested for.
        holders: The index by token value, shared by all entries of one engine.
        may_publish: Whether the clocks are those of the system, which the fresh path reads. If
            not, its records only lead to the entry.
    """

    __slots__ = ("_holders", "fresh", "may_publish", "scope", "state")

    def __init__(self, scope: Scope, holders: Holders[TokenEntry], *, may_publish: bool) -> None:
        self.scope, self._holders, self.may_publish = scope, holders, may_publish
        self.state = Cell(EntryState())
        self.fresh = Fresh(-inf, -inf, _NO_TOKEN, _NO_TOKEN, self)

    @property
    def held(self) -> Held | None:
        """The held token, or None."""
        return self.state.get().held

    def holds(self, value: Secret) -> bool:
        """Return whether it holds a token of this value now."""
        held = self.held
        return held is not None and held.token.value == value

    def change(self, change: Callable[[EntryState], EntryState]) -> tuple[EntryState, EntryState]:
        """
        Change the state; expire the fresh record of a token that is no longer held.

        Args:
            change: Returns the new state; it may be called repeatedly.

        Returns:
            The state before and after.
        """
        before, after = self.state.update(change)
        gone = before.held
        if gone is not after.held:
            if gone is not None:
                gone.expire_record()
                self._holders.remove(gone.token.value, self)
            if after.held is not None:
                self._holders.add(after.held.token.value, self)
        return before, after

    def hold(self, held: Held) -> tuple[EntryState, EntryState]:
        """Hold a token unless a newer one is held, or the entry is evicted or closed."""
        return self.change(lambda state: state.holding(held))

    def forget(self, held: Held) -> bool:
        """Drop a token and record its rejection; return whether it was still held."""
        before, after = self.change(lambda state: state.without(held))
        return before is not after

    def drop(self) -> None:
        """Drop the held token, if any."""
        self.change(lambda state: evolve(state, held=None))

    def publish(self, held: Held) -> bool:
        """Let callers read the record of a fresh token; return False if it is no longer held."""
        record = held.record(self)
        if self.held is not held:
            # The caller that dropped it may have looked for the record before it was there.
            record.until_wall = -inf
            return False
        self.fresh = record
        return True
