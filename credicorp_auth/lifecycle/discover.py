"""Discovering where an issuer's endpoints are: the story of one attempt (RFC 8414)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.http.document_request import build_document_request, check_document_status
from credicorp_auth.lifecycle.document import FetchedDocument
from credicorp_auth.oauth.endpoint_address import EndpointAddress
from credicorp_auth.oauth.metadata import ServerMetadata, changed_members, read_metadata

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.document import CachedCopy
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.metadata import MetadataSource

FRESH: Final = 86_400.0
"""Seconds after which metadata are read again; up to a tenth sooner, so that fleets spread out."""

_SPREAD: Final = 0.1
_FRESH_IF_REFUSED: Final = 300.0  # seconds; whoever mends an address need not wait for a day


class DiscoveryRuntime(Protocol):
    """What discovering needs from outside."""

    def now(self) -> Instant:
        """Return the time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request and return the whole answer within `timeout` seconds."""
        ...

    def known_secrets(self) -> Collection[Secret]:
        """Return our credentials, as far as they are in memory."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...


def discover_metadata(
    source: MetadataSource,
    runtime: DiscoveryRuntime,
    kept: CachedCopy[ServerMetadata] | None,
    deadline: float,
) -> FetchedDocument[ServerMetadata]:
    """
    Read an issuer's metadata once.

    Args:
        source: Where, and what they must say.
        runtime: Where.
        kept: The metadata at hand, which stay in use should this fail.
        deadline: Moment of the boot clock to be back.

    Raises:
        CredicorpAuthError: They cannot be had; told before.
    """
    try:
        found = ask_for_metadata(source, runtime, deadline, has_answered=kept is not None)
    except CredicorpAuthError as error:
        age = None if kept is None else round(runtime.now().boot - kept.since)
        runtime.emit("discovery.refresh_failed", issuer=source.issuer, code=error.code, age=age)
        raise
    if kept is None or kept.document.document != found.document:
        emit_news(runtime, None if kept is None else kept.document, found)
    fresh = FRESH * (1.0 - _SPREAD * runtime.random())
    return FetchedDocument(found, _FRESH_IF_REFUSED if found.refused else fresh)


def ask_for_metadata(
    source: MetadataSource, runtime: DiscoveryRuntime, deadline: float, *, has_answered: bool
) -> ServerMetadata:
    """Send the request and read the response."""
    left = deadline - runtime.now().boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to ask {source.url}")
    response = runtime.send(build_document_request(source.url), timeout=left)
    address = EndpointAddress(source.url, source.setting, has_answered)
    check_document_status(response, address, now=runtime.now().wall)
    secrets = runtime.known_secrets()
    return read_metadata(response, source, peer=response.peer_address, secrets=secrets)


def emit_news(
    runtime: DiscoveryRuntime, earlier: ServerMetadata | None, found: ServerMetadata
) -> None:
    """Tell what is new, and what may not be used of it."""
    runtime.emit("discovery.fetched", issuer=found.issuer)
    for name, error in found.refused.items():
        runtime.emit("discovery.refused", endpoint=name, code=error.code)
    if earlier is not None:
        for name in changed_members(earlier, found):
            runtime.emit("discovery.changed", endpoint=name, url=found.endpoints.get(name))
