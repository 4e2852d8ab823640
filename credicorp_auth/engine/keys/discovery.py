"""Cached authorization server metadata, and the transport that sends requests to its endpoints."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.keys.fetch_budget import FetchBudget
from credicorp_auth.engine.single_flight.cached_document import CachedDocument
from credicorp_auth.errors import DeadlinePassed
from credicorp_auth.lifecycle.discover import FRESH, discover_metadata
from credicorp_auth.oauth.metadata import check_peer

if TYPE_CHECKING:
    from credicorp_auth.engine.runtime import AnonymousRuntime
    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.oauth.metadata import MetadataSource, ServerMetadata
    from credicorp_auth.plugin.api import Transport, TransportCapabilities

COOLDOWN: Final = 30.0
"""Seconds between the starts of two attempts to fetch one document."""

_USABLE_WHILE_STALE: Final = 86_400.0  # seconds


class Discovery:
    """
    The metadata of one issuer, fetched when first needed and then about once a day.

    Args:
        source: The address of the metadata, and the issuer and origins that it may name.
        runtime: The runtime that performs I/O.
        timeout: Seconds that a fetch may take.
    """

    def __init__(
        self, source: MetadataSource, runtime: AnonymousRuntime, *, timeout: float
    ) -> None:
        self._source, self.url = source, source.url
        self.metadata: CachedDocument[ServerMetadata] = CachedDocument(
            "discovery",
            partial(discover_metadata, source, runtime),
            runtime.clock,
            timeout=timeout,
            budget=FetchBudget(pause=COOLDOWN),
            longest=FRESH + _USABLE_WHILE_STALE,
        )

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Reject a response from a private network that is not the issuer's (DNS rebinding)."""
        metadata = self.metadata.document
        known = None if metadata is None else metadata.peer
        check_peer(response.peer_address, url, self._source, known)


class DiscoveringTransport:
    """
    Transport that discovers the token endpoint before it sends a token request.

    Token requests are built for the address of the metadata, which therefore names the endpoint in
    cache keys and messages. So a held or cached token is usable even while discovery fails.

    Args:
        transport: The transport adapter that sends the requests.
        url: The metadata address that stands for the token endpoint.
        discovery: Supplies the metadata with the token endpoint's address.
        method: The client authentication method, which the metadata must list.
        runtime: Supplies the boot clock.
    """

    def __init__(
        self,
        transport: Transport,
        url: str,
        discovery: Discovery,
        method: str,
        runtime: AnonymousRuntime,
    ) -> None:
        self._transport, self._url, self._discovery = transport, url, discovery
        self._method, self._boot = method, runtime.clock.boot

    @property
    def capabilities(self) -> TransportCapabilities:
        """The capabilities of the wrapped transport."""
        return self._transport.capabilities

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request; redirect a token request to the discovered endpoint."""
        if request.url == self._url:
            deadline = self._boot() + timeout
            metadata = self._discovery.metadata.obtain(timeout)
            metadata.check_method(self._method)
            request = request._replace(url=metadata.endpoint("token_endpoint"))
            timeout = deadline - self._boot()
            if timeout <= 0:
                raise DeadlinePassed("no time was left for the token request")
        return self._transport.send(request, timeout=timeout)

    def close(self) -> None:
        """Stop discovery and close the wrapped transport."""
        self._discovery.metadata.close()
        self._transport.close()

    def after_fork(self) -> None:
        """Drop what belongs to the parent process."""
        self._transport.after_fork()
