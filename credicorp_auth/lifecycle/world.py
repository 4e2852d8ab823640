"""
What the story may ask for: the only door between a token's life and the world it is lived in.

The engine's real world performs; a scripted world in the tests answers from a list and keeps what
was asked. Nothing in `lifecycle/` touches a clock, a thread or a socket in any other way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.standing import Fact, Refusal, Standing
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import Grant


@frozen
class StoredToken:
    """
    A token as a cache keeps it.

    Args:
        record_id: A random name of this very record, by which it can be discarded and no other.
        grant: What the server granted.
        issued_at: Epoch seconds from which its life counts.
    """

    record_id: str
    grant: Grant
    issued_at: float


@frozen
class Obtained:
    """
    A token that a flight came back with.

    Args:
        grant: What the server granted.
        record_id: The name of its record in the cache.
        issued: From when its life counts, by both clocks.
        mint_seconds: How long the server took to answer; None for a token from the cache.
    """

    grant: Grant
    record_id: str
    issued: Instant
    mint_seconds: float | None


@frozen
class Errand:
    """
    What one flight is sent for.

    Args:
        scope: What the token must be good for.
        deadline: Moment of the boot clock by which the flight must be back.
        newer_than: Epoch seconds: a token from the cache counts only if issued later; or None.
        rejected: Record ids that a resource has turned away: never taken from the cache.
        refusal: What the server refused lately: the secret must have changed to ask again.
    """

    scope: Scope
    deadline: float
    newer_than: float | None = None
    rejected: frozenset[str] = frozenset()
    refusal: Refusal | None = None


class World(Protocol):
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

    def read_cache(self, key: str) -> StoredToken | None:
        """Return what the cache has; a cache in trouble has nothing."""
        ...

    def write_cache(self, key: str, stored: StoredToken) -> None:
        """Put a token into the cache; a cache in trouble is an event, not an error."""
        ...

    def discard(self, key: str, record_id: str) -> None:
        """Drop that very record from the cache."""
        ...

    def fetch_secret(self, *, past_cache: bool) -> ClientCredentials:
        """Return id and secret of one version; `past_cache` reads the source itself."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request and return the whole answer within `timeout` seconds."""
        ...

    def recall(self) -> Standing:
        """Return how the client stands with the token endpoint."""
        ...

    def remember(self, fact: Fact) -> None:
        """Keep what the token endpoint did."""
        ...

    def tell(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...
