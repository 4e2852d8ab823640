"""What a secret source must be able to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.secret import Secret


@frozen
class SecretSourceCapabilities:
    """
    What a secret source can do beyond one read.

    Args:
        supplies_client_id: The record may also hold `client_id`.
        rotates: A later fetch may return another version.
    """

    supplies_client_id: bool = False
    rotates: bool = False


@frozen
class FetchedSecret:
    """
    One atomic record of a secret source: what belongs together, of one version.

    Args:
        fields: Field names (`client_id`, `client_secret`) to values.
        version: The source's name for this version; equal versions mean equal fields.
        expires_at: Epoch seconds after which the record must be fetched again, or None.
        provenance: Where it was read, in words without any value.
        fallback: Another version that the server may still, or already, accept while a rotation is
            under way, where the user asked for such overlap: tried once if this one is refused.
    """

    fields: Mapping[str, Secret]
    version: str
    expires_at: float | None = None
    provenance: str = field(default="")
    fallback: FetchedSecret | None = None


@runtime_checkable
class SecretSource(Protocol):
    """Knows the client's credentials."""

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """What this source can do."""
        ...

    def fetch(self, names: Collection[str]) -> FetchedSecret:
        """
        Read the named fields now, all from one version.

        Args:
            names: Field names: `client_secret`, and `client_id` where the settings give none.

        Raises:
            SecretUnavailable: With a code that tells missing (`secret.missing`), empty
                (`secret.empty`), malformed (`secret.invalid`), denied (`secret.denied`) and
                unavailable for now (`secret.unavailable`, retryable) apart.
        """
        ...

    def close(self) -> None:
        """Close what is open. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """Drop, in the child of a fork, every socket and lock that belongs to the parent."""
        ...
