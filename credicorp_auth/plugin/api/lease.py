"""Lease port: a shared cache that lets only one of its engines mint a token."""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol, runtime_checkable

from credicorp_auth.plugin.api.cache import Cache

MOST_NUMBER: Final = 2**53 - 1
"""The largest lease number: the largest integer that JSON, Lua and floating point hold exactly."""


def sound_number(number: object) -> int:
    """
    Return a valid number of a lease or an entry, or 0 for anything else.

    A shared cache is not trusted, so every number that it returns is checked here.

    Args:
        number: The number from the cache: valid is an integer from 1 to `MOST_NUMBER`.

    Returns:
        The number; 0 for anything else, as if no lease had been held.

    .. versionadded:: 1.0.0
    """
    if isinstance(number, bool) or not isinstance(number, int):
        return 0
    return number if 0 < number <= MOST_NUMBER else 0


class LeaseState(Enum):
    """Outcome of a lease request."""

    ACQUIRED = "it is ours until it is released, or lapses"
    HELD = "another has it, and works"
    FAILED = "the cache cannot tell: go on without a lease"


class Lease(Protocol):
    """Exclusive right to mint a token for all engines that share a cache, or its denial."""

    @property
    def state(self) -> LeaseState:
        """The outcome of the request."""
        ...

    @property
    def number(self) -> int:
        """
        A number larger than that of any earlier lease of this key; 0 if not acquired.

        Valid numbers are 1 to `MOST_NUMBER`; anything else counts as 0.
        """
        ...

    def renew(self, *, timeout: float) -> bool:
        """
        Extend the lease, once a second while the holder works; return whether it holds.

        Args:
            timeout: As in `Cache.read`.
        """
        ...

    def release(self, *, timeout: float) -> None:
        """
        Release the lease; do nothing if it was not acquired, or has passed to another holder.

        Args:
            timeout: As in `Cache.read`.
        """
        ...


@runtime_checkable
class LeasingCache(Cache, Protocol):
    """Cache that coordinates its engines with leases, and orders their writes."""

    def lease(self, key: str, *, seconds: float, timeout: float) -> Lease:
        """
        Request the right to mint the token of a key, without waiting for the current holder.

        Args:
            key: As in `write`.
            seconds: Time after which a lease that was neither renewed nor released lapses, so that
                a holder that died or hangs blocks the others no longer than this. All engines that
                share the cache ask for the same time. A stored lease with a longer time left, or
                with no end, is therefore invalid and is replaced.
            timeout: As in `Cache.read`.
        """
        ...

    def write(
        self, key: str, entry: bytes, *, lifetime: float, number: int = 0, timeout: float
    ) -> None:
        """
        Store an entry, unless one with a larger number is stored.

        Args:
            key: Up to 64 characters of [0-9a-f]. It reveals neither client nor scope.
            entry: At most 256 KiB.
            lifetime: Seconds after which the entry may, and should, be dropped.
            number: Number of the lease under which the entry was made (a fencing token): a holder
                that hung while a successor took over cannot overwrite the successor's entry. 0, the
                default, replaces any entry. So does the number of the lease acquired last: a larger
                number in the stored entry was never issued. See `sound_number`.
            timeout: As in `Cache.read`.
        """
        ...
