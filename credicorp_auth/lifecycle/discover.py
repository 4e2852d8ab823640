"""Discovery of an issuer's endpoints (RFC 8414): one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed, ServerFailed
from credicorp_auth.lifecycle.document import FetchedDocument
from credicorp_auth.oauth.endpoint import (
    EndpointAddress,
    build_document_request,
    check_document_status,
)
from credicorp_auth.oauth.metadata import ServerMetadata, changed_members, read_metadata

if TYPE_CHECKING:
    from collections.abc import Collection

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.document import CachedCopy
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.metadata import MetadataSource

FRESH: Final = 86_400.0
"""Seconds after which metadata is read again; up to a tenth less, to spread out a fleet."""

_SPREAD: Final = 0.1
_FRESH_IF_REFUSED: Final = 300.0  # seconds; a corrected address takes effect without waiting a day


class DiscoveryRuntime(Protocol):
    """Runtime port of discovery: clocks, transport, secrets, events."""

    def now(self) -> Instant:
        """Return the current time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request; return the complete response within `timeout` seconds."""
        ...

    def known_secrets(self) -> Collection[Secret]:
        """Return those of our credentials that are in memory."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to observers and the log."""
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
        source: The address of the metadata, and its required content.
        runtime: The runtime that performs I/O.
        kept: The cached metadata, which stays in use if this attempt fails; or None.
        deadline: Boot-clock time by which the call must return.

    Raises:
        CredicorpAuthError: The attempt failed; `discovery.refresh_failed` was emitted.
    """
    try:
        found = ask_for_metadata(source, runtime, deadline, has_responded=kept is not None)
    except CredicorpAuthError as error:
        age = None if kept is None else round(runtime.now().boot - kept.since)
        runtime.emit("discovery.refresh_failed", issuer=source.issuer, code=error.code, age=age)
        raise
    if kept is None or kept.document.document != found.document:
        emit_changes(runtime, None if kept is None else kept.document, found)
    fresh = FRESH * (1.0 - _SPREAD * runtime.random())
    return FetchedDocument(found, _FRESH_IF_REFUSED if found.refused else fresh)


def ask_for_metadata(
    source: MetadataSource, runtime: DiscoveryRuntime, deadline: float, *, has_responded: bool
) -> ServerMetadata:
    """Send the request and read the response."""
    left = deadline - runtime.now().boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to read {source.url}")
    response = runtime.send(build_document_request(source.url), timeout=left)
    address = EndpointAddress(source.url, source.setting, has_responded)
    try:
        check_document_status(response, address, now=runtime.now().wall)
    except ServerFailed as error:
        if not error.retryable:
            error.hint += source.other_hint
        raise
    secrets = runtime.known_secrets()
    return read_metadata(response, source, peer=response.peer_address, secrets=secrets)


def emit_changes(
    runtime: DiscoveryRuntime, earlier: ServerMetadata | None, found: ServerMetadata
) -> None:
    """Emit events for new metadata: fetched, refused endpoints, changed addresses."""
    runtime.emit("discovery.fetched", issuer=found.issuer)
    for name, error in found.refused.items():
        runtime.emit("discovery.refused", endpoint=name, code=error.code)
    if earlier is not None:
        for name in changed_members(earlier, found):
            runtime.emit("discovery.changed", endpoint=name, url=found.endpoints.get(name))
