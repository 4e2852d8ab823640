"""Fetching the keys of an issuer: the story of one attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed
from credicorp_auth.lifecycle.document import Fetched
from credicorp_auth.oauth.document_request import build_document_request, check_document_status
from credicorp_auth.oauth.key_set import KeySet, read_freshness, read_key_set

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credicorp_auth.lifecycle.document import Kept
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.oauth.signature_algorithm import SignatureAlgorithm


LONGEST_STALE: Final = 86_400.0
"""Seconds after which keys are not believed any more, whatever became of fetching newer ones."""


class KeyWorld(Protocol):
    """What fetching keys needs from outside."""

    def now(self) -> Instant:
        """Return the time by both clocks."""
        ...

    def find_jwks_url(self, seconds: float) -> EndpointAddress:
        """Return where the keys are published, within so many seconds."""
        ...

    def doubt_jwks_url(self) -> None:
        """Take note that nothing was to be had there: it may have moved."""
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
) -> Fetched[KeySet]:
    """
    Fetch the keys once.

    Args:
        algorithms: The algorithms that are allowed, the preferred ones first.
        world: Where.
        kept: The keys at hand, which stay in use should this fail.
        deadline: Moment of the boot clock to be back.

    Returns:
        The keys; those at hand where the issuer publishes the same.

    Raises:
        CredicorpAuthError: They cannot be had; told before.
    """
    try:
        fetched = ask_for_keys(algorithms, world, deadline, has_answered=kept is not None)
    except CredicorpAuthError as error:
        age = None if kept is None else round(world.now().boot - kept.since)
        world.doubt_jwks_url()
        world.tell("jwks.refresh_failed", code=error.code, age=age)
        raise
    keys = fetched.document
    if kept is not None and kept.document.document == keys.document:
        return Fetched(kept.document, fetched.fresh)
    for dropped in keys.dropped:
        world.tell("jwks.key_dropped", kid=dropped.kid, code=dropped.code)
    world.tell("jwks.fetched", keys=len(keys.keys))
    return fetched


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
    response = world.send(build_document_request(url), timeout=left)
    world.check_peer(response, url)
    address = evolve(address, has_answered=has_answered)
    check_document_status(response, address, moment=world.now().wall)
    return Fetched(read_key_set(response, algorithms, url=url), read_freshness(response))
