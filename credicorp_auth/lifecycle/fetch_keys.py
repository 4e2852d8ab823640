"""Fetching the keys of an issuer: the story of one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.http.document_request import build_document_request, check_document_status
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.jose.key_set import (
    KEY_SET_TYPES,
    KeySet,
    no_usable_key,
    read_freshness,
    read_key_set,
)
from credicorp_auth.lifecycle.document import FetchedDocument, Unconfirmed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm
    from credicorp_auth.lifecycle.document import CachedCopy
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint_address import EndpointAddress


LONGEST_STALE: Final = 86_400.0
"""Seconds after which keys are not believed any more, whatever became of fetching newer ones."""

_SHOWN_KID: Final = 64  # characters
_CONFIRM_AFTER: Final = 1.0  # seconds
_CONFIRM_SPREAD: Final = 4.0  # seconds; so that the verifiers of a fleet do not ask at once


class KeyRuntime(Protocol):
    """What fetching keys needs from outside."""

    def now(self) -> Instant:
        """Return the time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def find_jwks_url(self, seconds: float) -> EndpointAddress:
        """Return where the keys are published, within so many seconds."""
        ...

    def expire_jwks_url(self) -> None:
        """Take note that nothing was to be had there: it may have moved."""
        ...

    def was_emptied(self) -> bool:
        """Say whether the last key set that was read held no key that may be used."""
        ...

    def note_emptied(self, *, emptied: bool) -> None:
        """Keep whether the key set that was read held no key that may be used."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request and return the whole answer within `timeout` seconds."""
        ...

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Refuse an answer that came out of a network where the address may not lead."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...


def fetch_keys(
    algorithms: Sequence[SignatureAlgorithm],
    runtime: KeyRuntime,
    kept: CachedCopy[KeySet] | None,
    deadline: float,
) -> FetchedDocument[KeySet] | Unconfirmed:
    """
    Fetch the keys once.

    A key set that lists a key no longer withdraws it. One without any usable key withdraws all of
    them, and may be a slip of the issuer's: it counts when the next response says the same.

    Args:
        algorithms: The algorithms that are allowed, the preferred ones first.
        runtime: The clocks, the transport, and what was seen before.
        kept: The keys at hand, which stay in use should this fail.
        deadline: Moment of the boot clock to be back.

    Returns:
        The keys; those at hand if the issuer publishes the same.

    Raises:
        CredicorpAuthError: They cannot be had; told before.
    """
    try:
        fetched = ask_for_keys(algorithms, runtime, deadline, has_answered=kept is not None)
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
    emit_news(runtime, kept, keys)
    if kept is None:
        return fetched
    return evolve(fetched, withdrawn=kept.document.names - keys.names)


def note_failure(
    runtime: KeyRuntime, kept: CachedCopy[KeySet] | None, error: CredicorpAuthError
) -> None:
    """Tell that no newer keys came, and doubt the address."""
    age = None if kept is None else round(runtime.now().boot - kept.since)
    runtime.expire_jwks_url()
    runtime.emit("jwks.refresh_failed", code=error.code, age=age)


def emit_news(runtime: KeyRuntime, kept: CachedCopy[KeySet] | None, keys: KeySet) -> None:
    """Tell what a new key set brings, and what may not be used of it."""
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
    has_answered: bool,
) -> FetchedDocument[KeySet]:
    """Find out where the keys are, send the request and read the response."""
    address = runtime.find_jwks_url(deadline - runtime.now().boot)
    url, left = address.url, deadline - runtime.now().boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to ask {url} for keys")
    response = runtime.send(build_document_request(url, KEY_SET_TYPES), timeout=left)
    runtime.check_peer(response, url)
    address = evolve(address, has_answered=has_answered)
    check_document_status(response, address, now=runtime.now().wall)
    return FetchedDocument(read_key_set(response, algorithms, url=url), read_freshness(response))
