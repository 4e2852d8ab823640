"""
What an adapter must be able to do.

Ports are small and synchronous: an adapter is called on threads of the engine's own, while callers,
threads or tasks, only wait. Each adapter declares in `capabilities` what it can do beyond the
minimum; the contract tests read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import Factory, field, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.oauth.secret import Secret


@frozen
class TransportCapabilities:
    """
    What a transport can do beyond sending.

    Args:
        total_deadline: Its `timeout` also ends an answer that drips in byte by byte.
    """

    total_deadline: bool = True


@frozen
class CacheCapabilities:
    """
    What a cache can do beyond reading and writing.

    Args:
        shared: Other engines, processes or hosts may see what is written.
        bounded: It drops the entries used longest ago rather than grow without limit.
    """

    shared: bool = False
    bounded: bool = False


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


@runtime_checkable
class Transport(Protocol):
    """Carries requests to the authorization server, and nothing else."""

    @property
    def capabilities(self) -> TransportCapabilities:
        """What this transport can do."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """
        Send one request and return the whole answer, whatever its status.

        Follow no redirect, decode nothing, retry nothing, keep no cookie, and stop reading at
        `MAX_BODY` bytes.

        Args:
            request: What to send. Its `Accept-Encoding: identity` header stays.
            timeout: Seconds for everything: resolving, connecting, sending, reading.

        Raises:
            ServerUnreachable: By subclass and code: `transport.connect`, `transport.dns`,
                `transport.connect_timeout`, `transport.read_timeout`, `transport.deadline`,
                `transport.reset`, `transport.incomplete_body`, `transport.protocol`,
                `transport.tls`, `transport.proxy`.
            MalformedAnswer: The body is longer than `MAX_BODY` (`response.too_large`).
        """
        ...

    def close(self) -> None:
        """Close what is open. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """Drop, in the child of a fork, every socket and lock that belongs to the parent."""
        ...


@runtime_checkable
class Cache(Protocol):
    """Keeps opaque entries under opaque keys, for a while, if it can."""

    @property
    def capabilities(self) -> CacheCapabilities:
        """What this cache can do."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return the entry, or None if there is none or it cannot be had."""
        ...

    def write(self, key: str, entry: bytes, *, lifetime: float) -> None:
        """
        Keep an entry, replacing any other of that key.

        Args:
            key: Up to 64 characters of [0-9a-f]; says nothing of client or scope.
            entry: At most 256 KiB.
            lifetime: Seconds after which the entry may, and should, be dropped.
        """
        ...

    def discard(self, key: str, *, expected: bytes | None = None) -> bool:
        """
        Drop the entry of a key.

        Args:
            key: As in `write`.
            expected: When given, drop only an entry that contains these bytes: the record id of
                the one that is meant, so that a newer one survives.

        Returns:
            Whether an entry was dropped.
        """
        ...

    def close(self) -> None:
        """Close what is open. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """Drop, in the child of a fork, every socket and lock that belongs to the parent."""
        ...


@frozen
class FetchedSecret:
    """
    One atomic record of a secret source: what belongs together, of one version.

    Args:
        fields: Field names (`client_id`, `client_secret`) to values.
        version: The source's name for this version; equal versions mean equal fields.
        expires_at: Epoch seconds after which the record must be fetched again, or None.
        provenance: Where it was read, in words without any value.
    """

    fields: Mapping[str, Secret]
    version: str
    expires_at: float | None = None
    provenance: str = field(default="")


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


@frozen
class Provider:
    """
    Which installed thing an adapter came from: the engine's label in errors and events.

    Args:
        name: The adapter's name in settings, such as `urllib3`.
        distribution: Name of the distribution that provides it; empty for a caller's own object.
        version: Version of that distribution.
    """

    name: str
    distribution: str = Factory(str)
    version: str = Factory(str)

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.distribution} {self.version})" if self.distribution else self.name
        )
