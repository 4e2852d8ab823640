"""
Runtime port of the lifecycle: clocks, cache, lease, credentials, transport, state, events.

The engine's runtime performs I/O. A scripted runtime in the tests returns scripted values and
records the calls. Nothing else in `lifecycle/` touches a clock, a thread or a socket.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from credicorp_auth.lifecycle.windows import MAX_SKEW

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome, EndpointState, Refusal
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint import EndpointAddress
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import Grant
    from credicorp_auth.plugin.api import Lease


class Issuance(NamedTuple):
    """
    The issue time and lease number of a token, which order two tokens.

    Args:
        issued_at: Epoch seconds from which the lifetime counts, by the clock of the minting host.
        number: The number of the lease that it was minted under; 0 without a lease.
    """

    issued_at: float
    number: int = 0

    def after(self, other: Issuance) -> bool:
        """
        Say whether this token is the newer one.

        If both have a number, the numbers decide, since the clocks of two hosts may differ. Clocks
        differ by at most `MAX_SKEW`. So a token issued later by more than that is always the newer
        one: the numbers were lost, or one of them was forged.
        """
        return comes_later(self.number, other.number, self.issued_at - other.issued_at)

    def is_ahead_of(self, now: Instant) -> bool:
        """Say whether it is further in the future than clock skew allows, and so not trusted."""
        return not self.issued_at <= now.wall + MAX_SKEW


def comes_later(number: int, other_number: int, seconds_later: float) -> bool:
    """
    Say whether a token is newer than another.

    Args:
        number: Its lease number; 0 for none.
        other_number: The lease number of the other; 0 for none.
        seconds_later: Seconds by which it was issued later than the other.
    """
    if number and other_number and abs(seconds_later) <= MAX_SKEW:
        return number > other_number
    return seconds_later > 0


class Unusable(Enum):
    """Cache content that is not a usable token."""

    DAMAGED = "it is none of our records for that key, or a number in it is out of bounds"


class StoredToken(NamedTuple):
    """
    A token as the cache stores it.

    Args:
        record_id: A random id of this record, so that exactly this record can be discarded.
        grant: The grant of the server.
        issuance: Its issue time and lease number.
    """

    record_id: str
    grant: Grant
    issuance: Issuance


class ObtainedToken(NamedTuple):
    """
    The token that a call returns.

    Args:
        grant: The grant of the server.
        record_id: The id of its record in the cache.
        issued: The time from which its lifetime counts, by both clocks.
        mint_seconds: Response time of the server in seconds; None for a token from the cache.
        number: The number of the lease that it was minted under; 0 without a lease.
    """

    grant: Grant
    record_id: str
    issued: Instant
    mint_seconds: float | None
    number: int = 0


class TokenRequirements(NamedTuple):
    """
    The requirements of one call.

    Args:
        scope: The required scope.
        deadline: Boot-clock time by which the call must return.
        newer_than: The held token's issuance; a cached token counts only if newer. None: no limit.
        rejected: Record ids of tokens that a resource rejected; never taken from the cache.
        refusal: The remembered refusal; no request is sent until the secret changes. None: none.
        cache_only: Whether to read the cache only and send no request; another host may fill it.
    """

    scope: Scope
    deadline: float
    newer_than: Issuance | None = None
    rejected: frozenset[str] = frozenset()
    refusal: Refusal | None = None
    cache_only: bool = False


class Runtime(Protocol):
    """Runtime port of the lifecycle."""

    def now(self) -> Instant:
        """Return the current time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def new_record_id(self) -> str:
        """Return a random id for a cache record: 32 hexadecimal digits."""
        ...

    def pause(self, seconds: float) -> None:
        """Wait; raise `Closed` if the engine is closed meanwhile."""
        ...

    def read_cache(self, key: str) -> StoredToken | Unusable | None:
        """Return the cached token; None if there is none, or the cache is down."""
        ...

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Write a token to the cache; a cache failure is an event, not an error."""
        ...

    def discard(self, key: str, record_id: str) -> None:
        """Discard exactly that record from the cache."""
        ...

    def lease(self, key: str) -> Lease:
        """Ask for the fleet lease of a cache key; if the cache is down, fail at once."""
        ...

    def release(self, lease: Lease) -> None:
        """Release a lease, in any state."""
        ...

    def load_shared_cooldown(self) -> None:
        """Load the cooldown that another process stored in the shared cache."""
        ...

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version; `past_cache` bypasses the credential cache."""
        ...

    def accept_version(self, credentials: ClientCredentials) -> None:
        """Use these credentials, which the server accepted, until the source is read again."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request; return the complete response within `timeout` seconds."""
        ...

    def locate_endpoint(self, seconds: float = 0.0) -> EndpointAddress:
        """Return the token endpoint's address and its source; wait up to `seconds` for metadata."""
        ...

    def recall(self) -> EndpointState:
        """Return the token endpoint's state towards the client."""
        ...

    def remember(self, outcome: EndpointOutcome) -> None:
        """Fold an outcome into the token endpoint's state."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to observers and the log."""
        ...
