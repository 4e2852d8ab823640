"""Everything an engine knows about the token of one scope."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.lifecycle.world import Birth, comes_later

if TYPE_CHECKING:
    from credicorp_auth.engine.flight import Flight
    from credicorp_auth.lifecycle.windows import Instant, Windows
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken

_REJECTION_STEP: Final = 5.0  # seconds
_LONGEST_REJECTION: Final = 300.0  # seconds
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
        # Within one process, the clock that never jumps.
        earlier = other.windows.issued.boot - self.windows.issued.boot
        return not comes_later(other.birth.number, self.birth.number, earlier)

    def lives_at(self, now: Instant) -> bool:
        """Say whether both clocks agree that the token has not expired."""
        return now.since(self.windows.issued) < self.windows.lifetime


class Rejections:
    """
    How often a resource turned our tokens away, and how long its word is not taken for it.

    The first 401 costs one mint. If the fresh token is turned away as well, the fault is not the
    token's, and the next mint that a 401 may cause is 5 s away, then 10, 20 … 300 s, until an
    answer other than 401 shows that tokens help.
    """

    __slots__ = ("count", "quiet_until")

    def __init__(self) -> None:
        self.count = 0
        self.quiet_until = 0.0

    def allow_mint(self, moment: float) -> bool:
        """Say whether a 401 at `moment` may cost the held token."""
        if moment < self.quiet_until:
            return False
        if self.count and not self.quiet_until:
            pause = _REJECTION_STEP * 2.0 ** min(self.count - 1, 10)
            self.quiet_until = moment + min(pause, _LONGEST_REJECTION)
            return False
        self.count += 1
        self.quiet_until = 0.0
        return True

    def forgive(self) -> None:
        """Take note of an answer other than 401."""
        # A quiet time under way stays: one route of a resource that refuses every token must not
        # cost a mint each time that another route answers.
        self.count = 0


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

    def after_fork(self) -> None:
        """Keep the token; drop the lock and the flight, which belong to the parent."""
        self.lock = threading.Lock()
        self.flight = None
