"""Transport port: the interface that sends HTTP requests to the authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse


class TransportCapabilities(NamedTuple):
    """
    Optional capabilities of a transport.

    Args:
        total_deadline: Its `timeout` also ends a response that arrives byte by byte.
    """

    total_deadline: bool = True


@runtime_checkable
class Transport(Protocol):
    """Sender of requests to the authorization server only."""

    @property
    def capabilities(self) -> TransportCapabilities:
        """The optional capabilities of this transport."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """
        Send one request and return the complete response of any status.

        It must not follow redirects, decode, retry, or keep cookies. It must stop reading at
        `MAX_BODY` bytes.

        Args:
            request: The request. Its `Accept-Encoding: identity` header must stay.
            timeout: Seconds for the whole exchange: resolving, connecting, sending, reading.

        Raises:
            ServerUnreachable: By subclass and code: `transport.connect`, `transport.dns`,
                `transport.connect_timeout`, `transport.read_timeout`, `transport.deadline`,
                `transport.reset`, `transport.incomplete_body`, `transport.protocol`,
                `transport.tls`, `transport.proxy`.
            MalformedResponse: The body is longer than `MAX_BODY` (`response.too_large`).
        """
        ...

    def close(self) -> None:
        """Release the resources. The engine calls it once, and no other method afterwards."""
        ...

    def after_fork(self) -> None:
        """In the child of a fork, drop every socket and lock that belongs to the parent."""
        ...
