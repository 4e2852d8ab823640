"""What an authorization server says of itself, kept; and where requests go that rely on it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import evolve

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
"""Seconds between the beginnings of two attempts to read one document."""

_USABLE_WHILE_STALE: Final = 86_400.0  # seconds


class Discovery:
    """
    The metadata of one issuer, read when first needed and about once a day.

    Args:
        source: Where they are, and what they must say.
        runtime: Where.
        timeout: Seconds that an attempt may take.
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
        """Refuse an answer out of another network than the issuer's, unless a public one."""
        metadata = self.metadata.document
        known = None if metadata is None else metadata.peer
        check_peer(response.peer_address, url, self._source, known)


class DiscoveringTransport:
    """
    A transport that finds out where the token endpoint is before a token request is sent.

    The request is built for the address of the metadata, which thus names the endpoint in cache
    keys and messages: a token in hand, or in the cache, is good whether or not anything can be
    discovered at the moment.

    Args:
        transport: Carries the requests.
        url: The address that stands for the token endpoint.
        discovery: Knows the real one.
        method: How the client authenticates.
        runtime: Whose clock counts.
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
        """What the transport behind it can do."""
        return self._transport.capabilities

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request; a token request goes to the endpoint that was discovered."""
        if request.url == self._url:
            deadline = self._boot() + timeout
            metadata = self._discovery.metadata.obtain(timeout)
            metadata.check_method(self._method)
            request = evolve(request, url=metadata.endpoint("token_endpoint"))
            timeout = deadline - self._boot()
            if timeout <= 0:
                raise DeadlinePassed("no time was left to ask the token endpoint")
        return self._transport.send(request, timeout=timeout)

    def close(self) -> None:
        """Close it."""
        self._discovery.metadata.close()
        self._transport.close()

    def after_fork(self) -> None:
        """Drop what belongs to the parent."""
        self._transport.after_fork()
