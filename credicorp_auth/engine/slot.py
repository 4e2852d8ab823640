"""Everything an engine knows about the token of one scope."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.engine.rejections import Rejections
from credicorp_auth.lifecycle.world import Birth
from credicorp_auth.oauth.challenge import Verdict

if TYPE_CHECKING:
    from credicorp_auth.engine.flight import Flight
    from credicorp_auth.lifecycle.windows import Instant, Windows
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken

_REMEMBERED_REJECTIONS: Final = 8  # record ids


@frozen(eq=False)
class Held:
    """
    A token in hand, with the moments that the fresh path compares.

    Args:
        token: What callers get.
        windows: When it is fresh, and until when it lives.
        record_id: The name of its record in the cache.
        birth: Which of two tokens is the newer one.
        fresh_wall: Epoch seconds until which it is fresh by the wall clock.
        fresh_boot: Moment until which it is fresh by the boot clock.
    """

    token: AccessToken
    windows: Windows
    record_id: str
    birth: Birth
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
            Birth(issued.wall, number),
            issued.wall + windows.advisory,
            issued.boot + windows.advisory,
        )

    def supersedes(self, other: Held) -> bool:
        """Say whether this token is the newer one, or as new."""
        if self.birth.number and other.birth.number:
            return self.birth.number >= other.birth.number
        # Within one process, the clock that never jumps.
        return self.windows.issued.boot >= other.windows.issued.boot

    def lives_at(self, now: Instant) -> bool:
        """Say whether both clocks agree that the token has not expired."""
        return now.since(self.windows.issued) < self.windows.lifetime


class Slot:
    """
    The held token of one scope, the flight that is under way for it, and when to refresh.

    Args:
        scope: What the token is good for.
    """

    __slots__ = (
        "__weakref__",
        "flight",
        "held",
        "lock",
        "next_look",
        "next_refresh",
        "rejected",
        "rejections",
        "scope",
    )

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.lock = threading.Lock()
        self.held: Held | None = None
        self.flight: Flight | None = None
        self.next_refresh = 0.0
        self.next_look = 0.0
        self.rejected: tuple[str, ...] = ()
        self.rejections = Rejections()

    def hold(self, held: Held) -> None:
        """Hold a token unless the one in hand is newer; call it under the lock."""
        if self.held is None or held.supersedes(self.held):
            self.held = held

    def forget(self, held: Held) -> bool:
        """Drop that very token if it is still the one in hand; call it under the lock."""
        if self.held is not held:
            return False
        self.held = None
        self.rejected = (*self.rejected, held.record_id)[-_REMEMBERED_REJECTIONS:]
        self.next_refresh = 0.0
        return True

    def reject(self, token: AccessToken, origin: str, now: float, *, first_pause: float) -> Verdict:
        """Count a 401 to a token, and drop it if that may help; call it under the lock."""
        held = self.held
        if held is None or held.token is not token:
            # Someone else met a 401 before: the successor is there or on its way.
            return Verdict.REPLACED
        if not self.rejections.allow_mint(origin, now, first_pause=first_pause):
            return Verdict.KEPT
        self.forget(held)
        return Verdict.DROPPED

    def after_fork(self) -> None:
        """Keep the token; drop the lock and the flight, which belong to the parent."""
        self.lock = threading.Lock()
        self.flight = None
