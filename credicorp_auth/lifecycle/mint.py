"""How a token is minted: ask the endpoint, again where that may help, and keep what it gives."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed, MalformedAnswer
from credicorp_auth.lifecycle.client import Client, ClientCredentials, token_key
from credicorp_auth.lifecycle.rotate import show_in_turn
from credicorp_auth.lifecycle.setback import note_failure, note_wish
from credicorp_auth.lifecycle.standing import Served
from credicorp_auth.lifecycle.windows import MAX_SKEW
from credicorp_auth.lifecycle.world import Birth, Errand, Obtained, StoredToken, World
from credicorp_auth.oauth.retry import MAX_ATTEMPTS
from credicorp_auth.oauth.token_endpoint import build_token_request, read_token_response

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.http import HttpResponse
    from credicorp_auth.oauth.token import Grant


def mint_token(
    client: Client,
    world: World,
    errand: Errand,
    credentials: ClientCredentials | None,
    *,
    number: int = 0,
) -> Obtained:
    """
    Ask the token endpoint, again where that may help, and put the token into the cache.

    Args:
        client: Who asks.
        world: Where.
        errand: For what scope, and until when.
        credentials: What to show the endpoint; None where they are still to be fetched.
        number: That of the lease it is minted under; 0 where there is none.
    """
    ask = partial(ask_once, client, world, errand)

    def note(error: CredicorpAuthError, current: ClientCredentials) -> None:
        note_failure(world, error, errand, current)

    for attempt in range(1, MAX_ATTEMPTS + 1):
        wait_until_welcome(world, errand)
        credentials = credentials or fetch_secret(world, past_cache=False)
        try:
            obtained, credentials = show_in_turn(world, credentials, ask, note)
            obtained = evolve(obtained, number=number)
        except CredicorpAuthError as error:
            if attempt == MAX_ATTEMPTS or not error.retryable:
                raise
            # Not the same again: a refusal on the way, or a leak, may have brought others to hand.
            credentials = None
        else:
            world.remember(Served())
            keep(client, world, errand, credentials, obtained)
            return obtained
    raise AssertionError(
        "the last attempt either returns or raises"
    )  # pragma: no cover - unreachable, for type checkers


def fetch_secret(world: World, *, past_cache: bool) -> ClientCredentials:
    """Fetch id and secret; a source that fails is left alone for a while, like the endpoint."""
    try:
        return world.fetch_secret(past_cache=past_cache)
    except CredicorpAuthError as error:
        note_failure(world, error)
        raise


def wait_until_welcome(world: World, errand: Errand) -> None:
    """Wait until the endpoint may be asked; raise at once where that is too late."""
    # Asked again after each pause: another flight may meanwhile have been told to wait longer.
    while (until := world.recall().quiet_until) > (moment := world.now().boot):
        if until >= errand.deadline:
            raise world.recall().why_quiet(moment)
        world.pause(until - moment)


def ask_once(
    client: Client, world: World, errand: Errand, credentials: ClientCredentials
) -> Obtained:
    """Send one token request and read the answer; life counts from before it was sent."""
    asked = client.asks_for(errand.scope)
    sent = world.now()
    left = errand.deadline - sent.boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to ask {asked.token_url} for a token")
    request = build_token_request(asked, credentials.client_id, credentials.client_secret)
    world.tell("request.sent", client_id=credentials.client_id, url=asked.token_url)
    response = world.send(request, timeout=left)
    arrived = world.now()
    note_clock_skew(world, response, arrived)
    try:
        grant = read_token_response(
            response,
            asked,
            client.policy,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            address=world.locate_endpoint(),
        )
    except CredicorpAuthError as error:
        note_wish(world, error, response, arrived)
        raise
    return receive(world, grant, sent, arrived, credentials.client_id)


def receive(
    world: World, grant: Grant, sent: Instant, arrived: Instant, client_id: str
) -> Obtained:
    """Take a token in, unless it died on its way."""
    for remark in grant.remarks:
        world.tell(remark, client_id=client_id)
    if arrived.since(sent) >= grant.lifetime:
        raise MalformedAnswer(
            f"the token for client {client_id!r} was dead on arrival, after {grant.lifetime:g} s",
            code="response.dead_on_arrival",
            cure="ask the operator of the token endpoint for faster answers or longer lives.",
            retryable=True,
        )
    mint_seconds = arrived.since(sent)
    world.tell(
        "token.minted",
        client_id=client_id,
        scope=str(grant.scope),
        lifetime=grant.lifetime,
        seconds=mint_seconds,
    )
    return Obtained(grant, world.new_record_id(), sent, mint_seconds)


def keep(
    client: Client,
    world: World,
    errand: Errand,
    credentials: ClientCredentials,
    obtained: Obtained,
) -> None:
    """Put a minted token into the cache."""
    key = token_key(client.asks_for(errand.scope), credentials.client_id)
    birth = Birth(obtained.issued.wall, obtained.number)
    world.write_cache(key, StoredToken(obtained.record_id, obtained.grant, birth))


def note_clock_skew(world: World, response: HttpResponse, arrived: Instant) -> None:
    """Tell when the server's clock and ours are more than a minute apart: it explains a lot."""
    try:
        date = parsedate_to_datetime(response.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return
    if abs(arrived.wall - date) > MAX_SKEW:
        world.tell("clock.skew", seconds=round(arrived.wall - date))
