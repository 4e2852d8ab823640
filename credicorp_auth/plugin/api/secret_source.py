"""Secret source port: the interface that provides the client's credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.secret import Secret


class SecretSourceCapabilities(NamedTuple):
    """
    Optional capabilities of a secret source.

    Args:
        supplies_client_id: The record may also hold `client_id`.
        rotates: A later fetch may return another version.
        local: A fetch only reads memory or files of this machine, so it may be made at every call
            that is refused. Any other source is read at growing intervals then.
        timeout: Seconds that a fetch may take in all; the engine waits no longer.
    """

    supplies_client_id: bool = False
    rotates: bool = False
    local: bool = False
    timeout: float = 5.0


@frozen
class FetchedSecret:
    """
    One atomic record of a secret source: fields of the same version.

    Args:
        fields: Field names (`client_id`, `client_secret`) to values.
        version: The source's name for this version. Equal versions have equal fields.
        expires_at: Epoch seconds after which the record must be fetched again, or None.
        refresh_at: Epoch seconds from which it should be fetched again, or None. It stays in use
            until that succeeds.
        provenance: Description of the place it was read from, without any value.
        fallback: Another version, which the server may accept during a rotation. It is set only if
            the user asked for this overlap, and tried once if the server rejects this version.
    """

    fields: Mapping[str, Secret]
    version: str
    expires_at: float | None = None
    provenance: str = field(default="")
    fallback: FetchedSecret | None = None
    refresh_at: float | None = None


@runtime_checkable
class SecretSource(Protocol):
    """Provider of the client's credentials."""

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """The optional capabilities of this source."""
        ...

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:
        """
        Read the named fields now, all of one version.

        Args:
            names: Field names: `client_secret`, and `client_id` if the settings give none.
            timeout: Seconds that the call may take in all, as `capabilities` says: derive the
                library's own time limits from it.

        Raises:
            SecretUnavailable: The code is one of `secret.missing`, `secret.empty`, `secret.invalid`
                (malformed), `secret.denied` and `secret.unavailable` (temporary, retryable).
        """
        ...

    def close(self) -> None:
        """Release the resources. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """In the child of a fork, drop every socket and lock that belongs to the parent."""
        ...
