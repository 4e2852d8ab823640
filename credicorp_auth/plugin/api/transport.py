"""What a transport must be able to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from attrs import frozen

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse


@frozen
class TransportCapabilities:
    """
    What a transport can do beyond sending.

    Args:
        total_deadline: Its `timeout` also ends an answer that drips in byte by byte.
    """

    total_deadline: bool = True


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
            MalformedResponse: The body is longer than `MAX_BODY` (`response.too_large`).
        """
        ...

    def close(self) -> None:
        """Close what is open. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """Drop, in the child of a fork, every socket and lock that belongs to the parent."""
        ...
