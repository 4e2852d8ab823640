"""
How a token is obtained: from the cache, else from the token endpoint.

    read cache -> fetch secret -> build request -> send -> read answer -> write cache

Where the secret source also supplies the client id, the secret is fetched first, since the cache
key needs the id.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import (
    CredicorpAuthError,
    DeadlinePassed,
    InvalidClient,
    MalformedAnswer,
    ScopeNotGranted,
    SecretUnavailable,
    TokenEndpointBusy,
    TokenRequestRefused,
    UnauthorizedClient,
)
from credicorp_auth.lifecycle.client import Client, ClientCredentials, token_key
from credicorp_auth.lifecycle.standing import Failed, LookedAgain, Refused, Served
from credicorp_auth.lifecycle.windows import Instant
from credicorp_auth.lifecycle.world import Errand, Obtained, StoredToken, World
from credicorp_auth.oauth.retry import MAX_ATTEMPTS, back_off, read_retry_after
from credicorp_auth.oauth.token_endpoint import build_token_request, read_token_response

if TYPE_CHECKING:
    from credicorp_auth.oauth.http import HttpResponse
    from credicorp_auth.oauth.token import Grant

MAX_SKEW: Final = 60.0  # seconds by which the clocks of two hosts may differ
_BUSY_FLOOR: Final = 1.0  # seconds between attempts where a 429 gives no advice


def obtain_token(client: Client, world: World, errand: Errand) -> Obtained:
    """
    Bring a usable token, at the price of at most three requests.

    Args:
        client: Who asks.
        world: Where.
        errand: For what scope, until when, and what does not count.

    Raises:
        CredicorpAuthError: No token can be had now; the failure is remembered in the world, so
            that the next flight waits as long as it should.
    """
    credentials = None
    if client.client_id is None or errand.refusal is not None:
        credentials = fetch_secret(world, past_cache=errand.refusal is not None)
        check_refusal(world, errand, credentials)
    client_id = client.client_id or (credentials.client_id if credentials else "")
    found = find_in_cache(
        client, world, token_key(client.asks_for(errand.scope), client_id), errand
    )
    return found or mint_token(client, world, errand, credentials)


def fetch_secret(world: World, *, past_cache: bool) -> ClientCredentials:
    """Fetch id and secret; a source that fails is left alone for a while, like the endpoint."""
    try:
        return world.fetch_secret(past_cache=past_cache)
    except CredicorpAuthError as error:
        note_failure(world, error)
        raise


def check_refusal(world: World, errand: Errand, credentials: ClientCredentials) -> None:
    """Raise the remembered refusal again while the refused secret is still the current one."""
    if errand.refusal is not None and errand.refusal.version == credentials.version:
        world.remember(LookedAgain(errand.scope))
        raise errand.refusal.error.copy()


def find_in_cache(client: Client, world: World, key: str, errand: Errand) -> Obtained | None:
    """Return the cached token if it has life enough, is wanted, and is not from the future."""
    stored = world.read_cache(key)
    if stored is None or stored.record_id in errand.rejected:
        return None
    if errand.newer_than is not None and stored.issued_at <= errand.newer_than:
        return None
    now = world.now()
    age = now.wall - stored.issued_at
    if not -MAX_SKEW <= age < client.window_policy.mandatory_age(stored.grant.lifetime):
        return None
    age = max(age, 0.0)
    issued = Instant(now.wall - age, now.boot - age)
    world.tell("token.read_from_cache", scope=str(errand.scope), age=age)
    return Obtained(stored.grant, stored.record_id, issued, None)


def mint_token(
    client: Client, world: World, errand: Errand, credentials: ClientCredentials | None
) -> Obtained:
    """Ask the token endpoint, again where that may help, and put the token into the cache."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        wait_until_welcome(world, errand)
        credentials = credentials or fetch_secret(world, past_cache=False)
        try:
            obtained, credentials = ask_once_or_rotate(client, world, errand, credentials)
        except CredicorpAuthError as error:
            if attempt == MAX_ATTEMPTS or not error.retryable:
                raise
        else:
            world.remember(Served())
            keep(client, world, errand, credentials, obtained)
            return obtained
    raise AssertionError(
        "the last attempt either returns or raises"
    )  # pragma: no cover - unreachable, for type checkers


def wait_until_welcome(world: World, errand: Errand) -> None:
    """Wait until the endpoint may be asked; raise at once where that is too late."""
    # Asked again after each pause: another flight may meanwhile have been told to wait longer.
    while (until := world.recall().quiet_until) > (moment := world.now().boot):
        if until >= errand.deadline:
            raise world.recall().why_quiet(moment)
        world.pause(until - moment)


def ask_once_or_rotate(
    client: Client, world: World, errand: Errand, credentials: ClientCredentials
) -> tuple[Obtained, ClientCredentials]:
    """
    Ask once; where the client is refused, ask once more if the source has another secret.

    Raises:
        CredicorpAuthError: After it was remembered.
    """
    try:
        try:
            return ask_once(client, world, errand, credentials), credentials
        except InvalidClient:
            rotated = fetch_rotated(world, credentials)
            if rotated is None:
                raise
            credentials = rotated
            return ask_once(client, world, errand, credentials), credentials
    except CredicorpAuthError as error:
        note_failure(world, error, errand, credentials)
        raise


def fetch_rotated(world: World, refused: ClientCredentials) -> ClientCredentials | None:
    """Read the secret source past its cache; return what it has only if that is another version."""
    try:
        current = world.fetch_secret(past_cache=True)
    except SecretUnavailable:
        return None
    if current.version == refused.version:
        return None
    world.tell("secret.rotated", client_id=current.client_id)
    return current


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
            secrets=[credentials.client_secret],
        )
    except TokenEndpointBusy as busy:
        busy.retry_after = choose_pause(world, response, arrived)
        raise
    return receive(world, grant, sent, arrived, credentials.client_id)


def choose_pause(world: World, response: HttpResponse, arrived: Instant) -> float:
    """Return the seconds the server asked for, else a back-off that is never under a second."""
    advised = read_retry_after(response, arrived.wall)
    if advised is not None:
        return advised
    return back_off(world.recall().failures + 1, world.random(), floor=_BUSY_FLOOR)


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
    world.write_cache(key, StoredToken(obtained.record_id, obtained.grant, obtained.issued.wall))


def note_failure(
    world: World,
    error: CredicorpAuthError,
    errand: Errand | None = None,
    credentials: ClientCredentials | None = None,
) -> None:
    """Remember a failure, so that nobody asks again before it makes sense."""
    world.tell("request.failed", code=error.code)
    if isinstance(error, TokenEndpointBusy):
        world.tell("endpoint.cool_down", seconds=error.retry_after)
        world.remember(Failed(error, error.retry_after))
    elif (
        isinstance(error, (TokenRequestRefused, ScopeNotGranted))
        and not error.retryable
        and errand is not None
        and credentials is not None
    ):
        whole_client = isinstance(error, (InvalidClient, UnauthorizedClient))
        world.tell("refusal.remembered", code=error.code, scope=str(errand.scope))
        scope = None if whole_client else errand.scope
        world.remember(Refused(error, scope, credentials.version))
    else:
        pause = back_off(world.recall().failures + 1, world.random())
        world.remember(Failed(error, pause))


def note_clock_skew(world: World, response: HttpResponse, arrived: Instant) -> None:
    """Tell when the server's clock and ours are more than a minute apart: it explains a lot."""
    try:
        date = parsedate_to_datetime(response.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return
    if abs(arrived.wall - date) > MAX_SKEW:
        world.tell("clock.skew", seconds=round(arrived.wall - date))
