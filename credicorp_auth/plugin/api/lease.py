"""What a cache must be able to do so that of all who share it one alone mints."""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol, runtime_checkable

from credicorp_auth.plugin.api.cache import Cache

MOST_NUMBER: Final = 2**53 - 1
"""The largest number of a lease: what JSON, Lua and floating point still hold exactly."""


def sound_number(number: object) -> int:
    """
    Return the number of a lease or of an entry, or 0 if it is none.

    A shared cache is not trusted, so whatever it gives back as a number passes through here.

    Args:
        number: What was given: a whole number from 1 to `MOST_NUMBER`, or anything else.

    Returns:
        The number; 0 for anything else, as if no lease had been held.

    .. versionadded:: 1.0.0
    """
    if isinstance(number, bool) or not isinstance(number, int):
        return 0
    return number if 0 < number <= MOST_NUMBER else 0


class LeaseState(Enum):
    """What came of asking for a lease."""

    ACQUIRED = "it is ours until it is released, or lapses"
    HELD = "another has it, and works"
    FAILED = "nobody can tell: go on without"


class Lease(Protocol):
    """The right to mint for all who share a cache, or the news that another has it."""

    @property
    def state(self) -> LeaseState:
        """What came of asking."""
        ...

    @property
    def number(self) -> int:
        """
        A number larger than that of any lease of this key before it; 0 if not acquired.

        From 1 to `MOST_NUMBER`; anything else counts as 0.
        """
        ...

    def renew(self) -> bool:
        """Say that the holder still works, once a second while it does; return whether it holds."""
        ...

    def release(self) -> None:
        """Give it back; one that was not acquired, or has lapsed to another, is left alone."""
        ...


@runtime_checkable
class LeasingCache(Cache, Protocol):
    """A cache that coordinates those who share it, and keeps what they write in order."""

    def lease(self, key: str, *, seconds: float) -> Lease:
        """
        Ask for the right to mint the token of a key, without waiting for whoever has it.

        Args:
            key: As in `write`.
            seconds: After which it lapses where it was neither renewed nor released: a holder that
                died, or stands still, is in nobody's way for longer. All who share the cache ask
                for the same; so one that has longer to go, or no end, is nobody's and is taken.
        """
        ...

    def write(self, key: str, entry: bytes, *, lifetime: float, number: int = 0) -> None:
        """
        Keep an entry, unless one with a larger number is there.

        Args:
            key: Up to 64 characters of [0-9a-f]; says nothing of client or scope.
            entry: At most 256 KiB.
            lifetime: Seconds after which the entry may, and should, be dropped.
            number: That of the lease under which the entry was made. A holder that stood still
                while a successor took over cannot overwrite what that one wrote. 0 replaces any,
                and so does the number of a lease that was just acquired, whatever number the entry
                in its place claims: that one was given to nobody. See `sound_number`.
        """
        ...
