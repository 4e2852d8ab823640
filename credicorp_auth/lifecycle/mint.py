"""How a token is minted: ask the endpoint, again where that may help, and keep what it gives."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from credicorp_auth.errors import CredicorpAuthError, DeadlinePassed, MalformedResponse
from credicorp_auth.http.retry import MAX_ATTEMPTS
from credicorp_auth.lifecycle.backoff import note_failure, note_wish
from credicorp_auth.lifecycle.client import Client, ClientCredentials, token_key
from credicorp_auth.lifecycle.endpoint_state import Succeeded
from credicorp_auth.lifecycle.runtime import (
    Issuance,
    ObtainedToken,
    Runtime,
    StoredToken,
    TokenRequirements,
)
from credicorp_auth.lifecycle.secret_versions import try_secret_versions
from credicorp_auth.lifecycle.windows import MAX_SKEW
from credicorp_auth.oauth.token_endpoint import build_token_request, read_token_response

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.token import Grant


def mint_token(
    client: Client,
    runtime: Runtime,
    requirements: TokenRequirements,
    credentials: ClientCredentials | None,
    *,
    number: int = 0,
) -> ObtainedToken:
    """
    Ask the token endpoint, again where that may help, and put the token into the cache.

    Args:
        client: Who asks.
        runtime: Where.
        requirements: For what scope, and until when.
        credentials: What to show the endpoint; None where they are still to be fetched.
        number: That of the lease it is minted under; 0 where there is none.
    """
    ask = partial(ask_once, client, runtime, requirements)

    def note(error: CredicorpAuthError, current: ClientCredentials) -> None:
        note_failure(runtime, error, requirements, current)

    for attempt in range(1, MAX_ATTEMPTS + 1):
        wait_out_cooldown(runtime, requirements)
        credentials = credentials or fetch_secret(runtime, past_cache=False)
        try:
            obtained, credentials = try_secret_versions(runtime, credentials, ask, note)
            obtained = evolve(obtained, number=number)
        except CredicorpAuthError as error:
            if attempt == MAX_ATTEMPTS or not error.retryable:
                raise
            # Not the same again: a refusal on the way, or a leak, may have brought others to hand.
            credentials = None
        else:
            runtime.remember(Succeeded())
            keep(client, runtime, requirements, credentials, obtained)
            return obtained
    raise AssertionError(
        "the last attempt either returns or raises"
    )  # pragma: no cover - unreachable, for type checkers


def fetch_secret(runtime: Runtime, *, past_cache: bool) -> ClientCredentials:
    """Fetch id and secret; a source that fails is left alone for a while, like the endpoint."""
    try:
        return runtime.fetch_secret(past_cache=past_cache)
    except CredicorpAuthError as error:
        note_failure(runtime, error)
        raise


def wait_out_cooldown(runtime: Runtime, requirements: TokenRequirements) -> None:
    """Wait until the endpoint may be asked; raise at once where that is too late."""
    # Asked again after each pause: another call may meanwhile have been told to wait longer.
    while (until := runtime.recall().cooldown_until) > (now := runtime.now().boot):
        if until >= requirements.deadline:
            raise runtime.recall().cooldown_error(now)
        runtime.pause(until - now)


def ask_once(
    client: Client,
    runtime: Runtime,
    requirements: TokenRequirements,
    credentials: ClientCredentials,
) -> ObtainedToken:
    """Send one token request and read the answer; life counts from before it was sent."""
    asked = client.asks_for(requirements.scope)
    sent = runtime.now()
    left = requirements.deadline - sent.boot
    if left <= 0:
        raise DeadlinePassed(f"no time was left to ask {asked.token_url} for a token")
    request = build_token_request(asked, credentials.client_id, credentials.client_secret)
    runtime.emit("request.sent", client_id=credentials.client_id, url=asked.token_url)
    response = runtime.send(request, timeout=left)
    arrived = runtime.now()
    note_clock_skew(runtime, response, arrived)
    try:
        grant = read_token_response(
            response,
            asked,
            client.policy,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
            address=runtime.locate_endpoint(),
        )
    except CredicorpAuthError as error:
        note_wish(runtime, error, response, arrived)
        raise
    return receive(runtime, grant, sent, arrived, credentials.client_id)


def receive(
    runtime: Runtime, grant: Grant, sent: Instant, arrived: Instant, client_id: str
) -> ObtainedToken:
    """Take a token in, unless it died on its way."""
    for warning in grant.warnings:
        runtime.emit(warning, client_id=client_id)
    if arrived.since(sent) >= grant.lifetime:
        raise MalformedResponse(
            f"the token for client {client_id!r} was dead on arrival, after {grant.lifetime:g} s",
            code="response.dead_on_arrival",
            hint="ask the operator of the token endpoint for faster answers or longer lives.",
            retryable=True,
        )
    mint_seconds = arrived.since(sent)
    runtime.emit(
        "token.minted",
        client_id=client_id,
        scope=str(grant.scope),
        lifetime=grant.lifetime,
        seconds=mint_seconds,
    )
    return ObtainedToken(grant, runtime.new_record_id(), sent, mint_seconds)


def keep(
    client: Client,
    runtime: Runtime,
    requirements: TokenRequirements,
    credentials: ClientCredentials,
    obtained: ObtainedToken,
) -> None:
    """Put a minted token into the cache."""
    key = token_key(client.asks_for(requirements.scope), credentials.client_id)
    issuance = Issuance(obtained.issued.wall, obtained.number)
    runtime.write_cache(key, StoredToken(obtained.record_id, obtained.grant, issuance))


def note_clock_skew(runtime: Runtime, response: HttpResponse, arrived: Instant) -> None:
    """Tell when the server's clock and ours are more than a minute apart: it explains a lot."""
    try:
        date = parsedate_to_datetime(response.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return
    if abs(arrived.wall - date) > MAX_SKEW:
        runtime.emit("clock.skew", seconds=round(arrived.wall - date))
