"""Minting of a token: request it, retry if that may help, write it to the cache."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import (
    ConnectionFailed,
    CredicorpAuthError,
    DeadlinePassed,
    MalformedResponse,
    SecretUnavailable,
)
from credicorp_auth.http.retry import MAX_ATTEMPTS
from credicorp_auth.jose.contradiction import contradicted_members
from credicorp_auth.lifecycle.backoff import note_failure, note_retry_after
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

_FROZEN: Final = 1.0  # seconds after a call's deadline that no step of it takes by itself


def mint_token(
    client: Client,
    runtime: Runtime,
    requirements: TokenRequirements,
    credentials: ClientCredentials | None,
    *,
    number: int = 0,
) -> ObtainedToken:
    """
    Request a token, retry if that may help, and write the token to the cache.

    Args:
        client: The OAuth client.
        runtime: The runtime that performs I/O.
        requirements: The scope and the deadline.
        credentials: The credentials to send; None: fetch them first.
        number: The number of the lease; 0 without a lease.

    Raises:
        CredicorpAuthError: The last failure; or the cooldown ends after the deadline.
    """
    ask = partial(ask_once, client, runtime, requirements)

    def note(error: CredicorpAuthError, current: ClientCredentials) -> None:
        if stood_still(runtime, requirements, error):
            runtime.emit("request.failed", code=error.code)
        else:
            note_failure(runtime, error, requirements, current)

    for attempt in range(1, MAX_ATTEMPTS + 1):
        wait_out_cooldown(runtime, requirements)
        credentials = credentials or fetch_secret(runtime, requirements, past_cache=False)
        try:
            obtained, credentials = try_secret_versions(runtime, credentials, ask, note)
            obtained = obtained._replace(number=number)
        except CredicorpAuthError as error:
            is_last = attempt == MAX_ATTEMPTS or not error.retryable
            if is_last or stood_still(runtime, requirements, error):
                raise
            # Fetch them again: after a refusal or a leak, the source may have newer ones.
            credentials = None
        else:
            runtime.remember(Succeeded())
            keep(client, runtime, requirements, credentials, obtained)
            return obtained
    raise AssertionError(
        "the last attempt either returns or raises"
    )  # pragma: no cover - unreachable, for type checkers


def stood_still(
    runtime: Runtime, requirements: TokenRequirements, error: CredicorpAuthError
) -> bool:
    """
    Say whether the process stood still during a call, so that its failure says nothing.

    Every step of a call ends at its deadline. One that ends later was frozen with its process, as
    on AWS Lambda, and its connection was lost meanwhile. The next call may ask at once.
    """
    if not isinstance(error, (ConnectionFailed, DeadlinePassed, SecretUnavailable)):
        return False  # a response arrived
    return error.retryable and runtime.now().boot > requirements.deadline + _FROZEN


def fetch_secret(
    runtime: Runtime, requirements: TokenRequirements, *, past_cache: bool
) -> ClientCredentials:
    """Fetch id and secret; a source that fails gets a cooldown, like the endpoint."""
    try:
        return runtime.fetch_secret(past_cache=past_cache)
    except CredicorpAuthError as error:
        if not stood_still(runtime, requirements, error):
            note_failure(runtime, error)
        raise


def wait_out_cooldown(runtime: Runtime, requirements: TokenRequirements) -> None:
    """Wait for the end of the cooldown; raise at once if it ends after the deadline."""
    # Check again after each pause: another call may have extended the cooldown meanwhile.
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
    """Send one token request and read the response; the lifetime counts from before sending."""
    asked = client.asks_for(requirements.scope)
    sent = runtime.now()
    left = requirements.deadline - sent.boot
    if left <= 0:
        url = runtime.locate_endpoint().url
        raise DeadlinePassed(f"no time was left for the request to {url}")
    address = runtime.locate_endpoint(left)
    request = build_token_request(asked, credentials.client_id, credentials.client_secret)
    runtime.emit("request.sent", client_id=credentials.client_id, url=address.url)
    left = requirements.deadline - runtime.now().boot
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
            address=address,
        )
    except CredicorpAuthError as error:
        note_retry_after(runtime, error, response, arrived)
        raise
    return receive(runtime, grant, sent, arrived, credentials.client_id)


def receive(
    runtime: Runtime, grant: Grant, sent: Instant, arrived: Instant, client_id: str
) -> ObtainedToken:
    """Accept a granted token, unless it expired on the way."""
    for warning in grant.warnings:
        runtime.emit(warning, client_id=client_id)
    contradicted = contradicted_members(grant, client_id, sent.wall)
    if contradicted:
        runtime.emit("token.contradicted", client_id=client_id, members=" ".join(contradicted))
    if arrived.since(sent) >= grant.lifetime:
        raise MalformedResponse(
            f"the token for client {client_id!r} had expired when it arrived, "
            f"after {grant.lifetime:g} s",
            code="response.dead_on_arrival",
            hint="ask the operator of the token endpoint for faster responses or longer lifetimes.",
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
    """Write a minted token to the cache."""
    key = token_key(client.asks_for(requirements.scope), credentials.client_id)
    issuance = Issuance(obtained.issued.wall, obtained.number)
    runtime.write_cache(key, StoredToken(obtained.record_id, obtained.grant, issuance))


def note_clock_skew(runtime: Runtime, response: HttpResponse, arrived: Instant) -> None:
    """Emit `clock.skew` if the server's clock and ours differ by more than a minute."""
    try:
        date = parsedate_to_datetime(response.header("Date") or "").timestamp()
    except (ValueError, OverflowError):
        return
    if abs(arrived.wall - date) > MAX_SKEW:
        runtime.emit("clock.skew", seconds=round(arrived.wall - date))
