"""
Request about a token: the common part of introspection and revocation.

    find the endpoint -> fetch secret -> build request -> send -> read response

A failure is raised at once and never waited out, since the bearer of the token is waiting. A failed
connection is retried once, which is safe: both requests are idempotent. After that, as after a 429,
the endpoint gets a cooldown, during which every query fails.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from attrs import frozen

from credicorp_auth.errors import (
    ConnectionFailed,
    CredicorpAuthError,
    DeadlinePassed,
    MalformedResponse,
    RedirectRefused,
    ServerFailed,
    TokenRequestRefused,
)
from credicorp_auth.http.retry import is_retryable
from credicorp_auth.lifecycle.backoff import note_cooldown, note_retry_after
from credicorp_auth.lifecycle.endpoint_state import (
    Refused,
    SecretUnchanged,
    Succeeded,
)
from credicorp_auth.lifecycle.secret_versions import (
    CredentialRuntime,
    fetch_current,
    try_secret_versions,
)
from credicorp_auth.oauth.refusal import refuses_client
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_query import TokenQuery, build_query_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome, EndpointState
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint import EndpointAddress

A = TypeVar("A")

# Statuses of a server that fails on one token, and may well succeed on the next.
_CHOKED: Final = frozenset({400, 415, 422, 500})

_ANY: Final = Scope()
"""Queries have no scope: a remembered refusal of the client applies to every query."""


@frozen(eq=False)
class Timestamped(Generic[A]):
    """
    A result, with the time of its request.

    Args:
        response: The result.
        sent: The time at which the request was sent; the result is at least that old.
    """

    response: A
    sent: Instant


@frozen
class QueryAttempt(Generic[A]):
    """
    A query about a token, and its deadline.

    Args:
        token: The token.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        deadline: Boot-clock time by which the call must return.
        read: Reads the response.
    """

    token: Secret
    client_authentication: str
    deadline: float
    read: Callable[[HttpResponse, TokenQuery], A]


class QueryRuntime(CredentialRuntime, Protocol):
    """Runtime port of token queries: clocks, transport, address, credentials, state."""

    def now(self) -> Instant:
        """Return the current time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def find_endpoint(self, seconds: float) -> EndpointAddress:
        """Return the address of the endpoint within `seconds`."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request; return the complete response within `timeout` seconds."""
        ...

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Reject a response from a network zone that is not allowed (DNS rebinding)."""
        ...

    def recall(self) -> EndpointState:
        """Return this endpoint's state towards the client."""
        ...

    def remember(self, outcome: EndpointOutcome) -> None:
        """Fold an outcome into this endpoint's state."""
        ...


def query_token(runtime: QueryRuntime, asking: QueryAttempt[A]) -> Timestamped[A]:
    """
    Send the query; repeat it only after a failed connection, or with another secret version.

    Raises:
        CredicorpAuthError: The query failed. A failure of the whole endpoint is remembered.
    """
    check_cooldown(runtime)
    address = runtime.find_endpoint(seconds_left(runtime, asking))
    seconds_left(runtime, asking)
    credentials = fetch_secret(runtime)
    ask = partial(ask_twice, runtime, asking, address)
    note = partial(note_failure, runtime, has_responded=address.has_responded)
    received, _ = try_secret_versions(runtime, credentials, ask, note)
    runtime.remember(Succeeded())
    return received


def fetch_secret(runtime: QueryRuntime) -> ClientCredentials:
    """
    Fetch id and secret; a failure concerns every query, so it is remembered.

    While a refusal of the client is remembered, the source is read past its cache. A changed secret
    lifts the refusal; the same one is not sent again.
    """
    refusal = runtime.recall().refusal_of(_ANY, runtime.now().boot)
    if refusal is not None:
        current = fetch_current(runtime)
        if current is not None and current.version != refusal.version:
            return current
        runtime.remember(SecretUnchanged(_ANY))
        raise refusal.error.copy()
    try:
        return runtime.fetch_secret(past_cache=False)
    except CredicorpAuthError as error:
        note_failure(runtime, error)
        raise


def check_cooldown(runtime: QueryRuntime) -> None:
    """Raise at once during a cooldown, or before a remembered refusal may be rechecked."""
    state, now = runtime.recall(), runtime.now().boot
    refusal = state.refusal_of(_ANY, now)
    if refusal is not None and now < refusal.next_recheck:
        raise refusal.error.copy()
    if now < state.cooldown_until:
        raise state.cooldown_error(now)


def seconds_left(runtime: QueryRuntime, asking: QueryAttempt[A]) -> float:
    """Return the seconds until the deadline; raise if there are none."""
    left = asking.deadline - runtime.now().boot
    if left <= 0:
        raise DeadlinePassed("no time was left for the request about the token")
    return left


def ask_twice(
    runtime: QueryRuntime,
    asking: QueryAttempt[A],
    address: EndpointAddress,
    credentials: ClientCredentials,
) -> Timestamped[A]:
    """Send the query; after a retryable connection failure, send it once more."""
    try:
        return ask_once(runtime, asking, address, credentials)
    except ConnectionFailed as error:
        if not error.retryable:
            raise
    return ask_once(runtime, asking, address, credentials)


def ask_once(
    runtime: QueryRuntime,
    asking: QueryAttempt[A],
    address: EndpointAddress,
    credentials: ClientCredentials,
) -> Timestamped[A]:
    """Send one request and read the response; its age counts from before sending."""
    left, sent = seconds_left(runtime, asking), runtime.now()
    query = TokenQuery(
        asking.token,
        address.url,
        credentials.client_id,
        credentials.client_secret,
        asking.client_authentication,
        address.source,
        address.has_responded,
    )
    response = runtime.send(build_query_request(query), timeout=left)
    runtime.check_peer(response, address.url)
    try:
        return Timestamped(asking.read(response, query), sent)
    except CredicorpAuthError as error:
        note_retry_after(runtime, error, response, runtime.now())
        raise


def concerns_one_token(error: CredicorpAuthError, *, has_responded: bool) -> bool:
    """
    Say whether a query failed because of its token, so that the next query may succeed.

    The bearer chooses the token. If a token that breaks the server could disable the endpoint, an
    attacker could have every other token rejected. A refusal that is not of the client as a whole
    concerns that token only. A `Retry-After` concerns every query.

    Args:
        error: The failure.
        has_responded: Whether the endpoint has responded properly before. If so, address and client
            are right. Then a redirect, or a status without an OAuth meaning (403, 404, 406, 501 …),
            most likely comes from a web application firewall that rejects this token.
    """
    if isinstance(error, ServerFailed):
        chokes = error.status in _CHOKED or (has_responded and not is_retryable(error.status))
        return chokes and error.retry_after is None
    if isinstance(error, TokenRequestRefused):
        return not refuses_client(error)
    if isinstance(error, RedirectRefused):
        return has_responded
    return isinstance(error, MalformedResponse)


def note_failure(
    runtime: QueryRuntime,
    error: CredicorpAuthError,
    shown: ClientCredentials | None = None,
    *,
    has_responded: bool = False,
) -> None:
    """Remember a failure as a refusal or a cooldown, unless it concerns one token only."""
    if concerns_one_token(error, has_responded=has_responded):
        return
    if shown is not None and refuses_client(error):
        runtime.emit("refusal.remembered", code=error.code, scope="")
        runtime.remember(Refused(error, None, shown.version))
        return
    note_cooldown(runtime, error)
