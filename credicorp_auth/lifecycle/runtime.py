"""
Runtime of the lifecycle: everything that its functions may ask for.

The engine's runtime performs; a scripted runtime in the tests returns what its script says and
records what was asked. Nothing in `lifecycle/` touches a clock, a thread or a socket otherwise.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from credicorp_auth.lifecycle.windows import MAX_SKEW

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome, EndpointState, Refusal
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import Grant
    from credicorp_auth.plugin.api import Lease


@frozen
class Issuance:
    """
    What tells which of two tokens is the newer one.

    Args:
        issued_at: Epoch seconds from which the token's life counts, by the clock of its minter.
        number: That of the lease it was minted under; 0 where there was none.
    """

    issued_at: float
    number: int = 0

    def after(self, other: Issuance) -> bool:
        """
        Say whether this token is the newer one.

        The numbers decide if both have one: the clocks of two hosts need not agree. But they
        agree within `MAX_SKEW`, so a token issued later by more than that is the newer one,
        whatever its number: the numbers were lost, or one of them was made up.
        """
        return comes_later(self.number, other.number, self.issued_at - other.issued_at)

    def is_ahead_of(self, now: Instant) -> bool:
        """Say whether it lies further ahead than clocks may differ, so that it is not believed."""
        return not self.issued_at <= now.wall + MAX_SKEW


def comes_later(number: int, other_number: int, seconds_later: float) -> bool:
    """
    Say whether a token is newer than another.

    Args:
        number: Its number; 0 for none.
        other_number: That of the other.
        seconds_later: By how much later than the other it was issued.
    """
    if number and other_number and abs(seconds_later) <= MAX_SKEW:
        return number > other_number
    return seconds_later > 0


class Unusable(Enum):
    """What may lie in a cache in the place of a token."""

    DAMAGED = "it is none of our records for that key, or a number in it is out of bounds"


@frozen
class StoredToken:
    """
    A token as a cache keeps it.

    Args:
        record_id: A random name of this very record, by which it can be discarded and no other.
        grant: What the server granted.
        issuance: When it was minted, and in which order.
    """

    record_id: str
    grant: Grant
    issuance: Issuance


@frozen
class ObtainedToken:
    """
    A token that a call came back with.

    Args:
        grant: What the server granted.
        record_id: The name of its record in the cache.
        issued: From when its life counts, by both clocks.
        mint_seconds: How long the server took to answer; None for a token from the cache.
        number: That of the lease it was minted under; 0 where there was none.
    """

    grant: Grant
    record_id: str
    issued: Instant
    mint_seconds: float | None
    number: int = 0


@frozen
class TokenRequirements:
    """
    What one call is sent for.

    Args:
        scope: What the token must be good for.
        deadline: Moment of the boot clock by which the call must be back.
        newer_than: The held token's birth: one from the cache counts only if born later; or None.
        rejected: Record ids that a resource has turned away: never taken from the cache.
        refusal: What the server refused lately: the secret must have changed to ask again.
        cache_only: Whether the endpoint is left alone: another host may have filled the cache.
    """

    scope: Scope
    deadline: float
    newer_than: Issuance | None = None
    rejected: frozenset[str] = frozenset()
    refusal: Refusal | None = None
    cache_only: bool = False


class Runtime(Protocol):
    """What a token's life needs from outside."""

    def now(self) -> Instant:
        """Return the time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def new_record_id(self) -> str:
        """Return a random name for a cache record: 32 hexadecimal digits."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait; raise `Closed` where the engine is closed meanwhile."""
        ...

    def read_cache(self, key: str) -> StoredToken | Unusable | None:
        """Return what the cache has; a cache in trouble has nothing."""
        ...

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Put a token into the cache; a cache in trouble is an event, not an error."""
        ...

    def discard(self, key: str, record_id: str) -> None:
        """Drop that very record from the cache."""
        ...

    def lease(self, key: str) -> Lease:
        """Ask for the right to mint for all who share the cache; one in trouble fails at once."""
        ...

    def release(self, lease: Lease) -> None:
        """Give a lease back, whatever state it is in."""
        ...

    def load_shared_cooldown(self) -> None:
        """Take note of a cool-down that another who shares the cache was told."""
        ...

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version; `past_cache` reads the source itself."""
        ...

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Fetch these from now on, until the source is read again: the server accepted them."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request and return the whole answer within `timeout` seconds."""
        ...

    def locate_endpoint(self) -> EndpointAddress:
        """Return which address is asked for tokens, and where it came from; without waiting."""
        ...

    def recall(self) -> EndpointState:
        """Return how the client stands with the token endpoint."""
        ...

    def remember(self, outcome: EndpointOutcome) -> None:
        """Keep what the token endpoint did."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...
