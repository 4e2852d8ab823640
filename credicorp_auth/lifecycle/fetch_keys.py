"""Fetching the keys of an issuer: the story of one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.lifecycle.document import Fetched, Unconfirmed
from credicorp_auth.oauth.document_request import build_document_request, check_document_status
from credicorp_auth.oauth.foreign_text import show_foreign_text
from credicorp_auth.oauth.key_set import (
    KEY_SET_TYPES,
    KeySet,
    no_usable_key,
    read_freshness,
    read_key_set,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credicorp_auth.lifecycle.document import Kept
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.oauth.signature_algorithm import SignatureAlgorithm


LONGEST_STALE: Final = 86_400.0
"""Seconds after which keys are not believed any more, whatever became of fetching newer ones."""

_SHOWN_KID: Final = 64  # characters
_CONFIRM_AFTER: Final = 1.0  # seconds
_CONFIRM_SPREAD: Final = 4.0  # seconds; so that the verifiers of a fleet do not ask at once


class KeyWorld(Protocol):
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

    def doubt_jwks_url(self) -> None:
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

    def tell(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...


def fetch_keys(
    algorithms: Sequence[SignatureAlgorithm],
    world: KeyWorld,
    kept: Kept[KeySet] | None,
    deadline: float,
) -> Fetched[KeySet] | Unconfirmed:
    """
    Fetch the keys once.

    A key set that lists a key no longer withdraws it. One without any usable key withdraws all of
    them, and may be a slip of the issuer's: it counts when the next response says the same.

    Args:
        algorithms: The algorithms that are allowed, the preferred ones first.
        world: The clocks, the transport, and what was seen before.
        kept: The keys at hand, which stay in use should this fail.
        deadline: Moment of the boot clock to be back.

    Returns:
        The keys; those at hand if the issuer publishes the same.

    Raises:
        CredicorpAuthError: They cannot be had; told before.
    """
    try:
        fetched = ask_for_keys(algorithms, world, deadline, has_answered=kept is not None)
    except CredicorpAuthError as error:
        note_failure(world, kept, error)
        raise
    keys, before = fetched.document, world.was_emptied()
    world.note_emptied(emptied=not keys.keys)
    if not keys.keys and not before:
        nothing = no_usable_key(keys)
        note_failure(world, kept, nothing)
        return Unconfirmed(_CONFIRM_AFTER + _CONFIRM_SPREAD * world.random(), nothing)
    if kept is not None and kept.document.document == keys.document:
        return Fetched(kept.document, fetched.fresh)
    tell_news(world, kept, keys)
    if kept is None:
        return fetched
    return evolve(fetched, withdrawn=kept.document.names - keys.names)


def note_failure(world: KeyWorld, kept: Kept[KeySet] | None, error: CredicorpAuthError) -> None:
    """Tell that no newer keys came, and doubt the address."""
    age = None if kept is None else round(world.now().boot - kept.since)
    world.doubt_jwks_url()
    world.tell("jwks.refresh_failed", code=error.code, age=age)


def tell_news(world: KeyWorld, kept: Kept[KeySet] | None, keys: KeySet) -> None:
    """Tell what a new key set brings, and what may not be used of it."""
    for dropped in keys.dropped:
        kid = None if dropped.kid is None else show_foreign_text(dropped.kid, (), limit=_SHOWN_KID)
        world.tell("jwks.key_dropped", kid=kid, code=dropped.code)
    if not keys.keys and (kept is None or kept.document.keys):
        withdrawn = 0 if kept is None else len(kept.document.keys)
        world.tell("jwks.emptied", url=keys.url, withdrawn=withdrawn)
    world.tell("jwks.fetched", keys=len(keys.keys))


def ask_for_keys(
    algorithms: Sequence[SignatureAlgorithm],
    world: KeyWorld,
    deadline: float,
    *,
    has_answered: bool,
) -> Fetched[KeySet]:
    """Find out where the keys are, send the request and read the response."""
    address = world.find_jwks_url(deadline - world.now().boot)
    url, left = address.url, deadline - world.now().boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to ask {url} for keys")
    response = world.send(build_document_request(url, KEY_SET_TYPES), timeout=left)
    world.check_peer(response, url)
    address = evolve(address, has_answered=has_answered)
    check_document_status(response, address, moment=world.now().wall)
    return Fetched(read_key_set(response, algorithms, url=url), read_freshness(response))
