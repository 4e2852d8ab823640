"""Fetch of an issuer's key set: one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.jose.key_set import (
    KEY_SET_TYPES,
    no_usable_key,
    read_freshness,
    read_key_set,
)
from credicorp_auth.lifecycle.document import FetchedDocument, Unconfirmed
from credicorp_auth.oauth.endpoint import build_document_request, check_document_status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.jose.keys import KeySet
    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm
    from credicorp_auth.lifecycle.document import CachedCopy
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint import EndpointAddress

LONGEST_STALE: Final = 86_400.0
"""Maximum age of keys in seconds, even if newer ones cannot be fetched."""

_SHOWN_KID: Final = 64  # characters
_CONFIRM_AFTER: Final = 1.0  # seconds
_CONFIRM_SPREAD: Final = 4.0  # seconds; spreads out the verifiers of a fleet


class KeyRuntime(Protocol):
    """Runtime port of the key fetch: clocks, transport, address, events."""

    def now(self) -> Instant:
        """Return the current time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def find_jwks_url(self, seconds: float) -> EndpointAddress:
        """Return the address of the key set within `seconds`."""
        ...

    def expire_jwks_url(self) -> None:
        """Expire the discovered address after a failed fetch: the key set may have moved."""
        ...

    def was_emptied(self) -> bool:
        """Say whether the previous key set had no usable key."""
        ...

    def note_emptied(self, *, emptied: bool) -> None:
        """Remember whether the key set just read has no usable key."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request; return the complete response within `timeout` seconds."""
        ...

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Reject a response from a network zone that is not allowed (DNS rebinding)."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to observers and the log."""
        ...


def fetch_keys(
    algorithms: Sequence[SignatureAlgorithm],
    runtime: KeyRuntime,
    kept: CachedCopy[KeySet] | None,
    deadline: float,
) -> FetchedDocument[KeySet] | Unconfirmed:
    """
    Fetch the keys once.

    A key that the new key set no longer lists is withdrawn. A key set without any usable key would
    withdraw all of them, and may be a mistake of the issuer, so the next fetch must confirm it.

    Args:
        algorithms: The allowed algorithms, preferred ones first.
        runtime: The runtime that performs I/O and remembers an emptied key set.
        kept: The cached keys, which stay in use if this attempt fails; or None.
        deadline: Boot-clock time by which the call must return.

    Returns:
        The keys, or the cached object if the issuer publishes the same; `Unconfirmed` for the
        first key set without a usable key.

    Raises:
        CredicorpAuthError: The attempt failed; `jwks.refresh_failed` was emitted.
    """
    try:
        fetched = ask_for_keys(algorithms, runtime, deadline, has_responded=kept is not None)
    except CredicorpAuthError as error:
        note_failure(runtime, kept, error)
        raise
    keys, before = fetched.document, runtime.was_emptied()
    runtime.note_emptied(emptied=not keys.keys)
    if not keys.keys and not before:
        nothing = no_usable_key(keys)
        note_failure(runtime, kept, nothing)
        return Unconfirmed(_CONFIRM_AFTER + _CONFIRM_SPREAD * runtime.random(), nothing)
    if kept is not None and kept.document.document == keys.document:
        return FetchedDocument(kept.document, fetched.fresh)
    emit_changes(runtime, kept, keys)
    if kept is None:
        return fetched
    return evolve(fetched, withdrawn=kept.document.names - keys.names)


def note_failure(
    runtime: KeyRuntime, kept: CachedCopy[KeySet] | None, error: CredicorpAuthError
) -> None:
    """Emit the failed refresh, and expire the discovered address."""
    age = None if kept is None else round(runtime.now().boot - kept.since)
    runtime.expire_jwks_url()
    runtime.emit("jwks.refresh_failed", code=error.code, age=age)


def emit_changes(runtime: KeyRuntime, kept: CachedCopy[KeySet] | None, keys: KeySet) -> None:
    """Emit events for a new key set: dropped keys, an empty set, the number of keys."""
    for dropped in keys.dropped:
        kid = None if dropped.kid is None else escape_untrusted(dropped.kid, (), limit=_SHOWN_KID)
        runtime.emit("jwks.key_dropped", kid=kid, code=dropped.code)
    if not keys.keys and (kept is None or kept.document.keys):
        withdrawn = 0 if kept is None else len(kept.document.keys)
        runtime.emit("jwks.emptied", url=keys.url, withdrawn=withdrawn)
    runtime.emit("jwks.fetched", keys=len(keys.keys))


def ask_for_keys(
    algorithms: Sequence[SignatureAlgorithm],
    runtime: KeyRuntime,
    deadline: float,
    *,
    has_responded: bool,
) -> FetchedDocument[KeySet]:
    """Find the address of the key set, send the request and read the response."""
    address = runtime.find_jwks_url(deadline - runtime.now().boot)
    url, left = address.url, deadline - runtime.now().boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to fetch keys from {url}")
    response = runtime.send(build_document_request(url, KEY_SET_TYPES), timeout=left)
    runtime.check_peer(response, url)
    address = address._replace(has_responded=has_responded)
    check_document_status(response, address, now=runtime.now().wall)
    return FetchedDocument(read_key_set(response, algorithms, url=url), read_freshness(response))
