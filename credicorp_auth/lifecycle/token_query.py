"""
How an endpoint is asked about a token: the story that introspection and revocation share.

    find the endpoint -> fetch secret -> build request -> send -> read answer

Nobody waits for better times here: whoever shows a token is waiting, so a failure is told at once.
A connection that fails is tried a second time, since nothing can have come of the first. After
that, as after a 429, the endpoint is left alone for a while, and meanwhile every question fails.
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
from credicorp_auth.http.retry import backoff, is_retryable
from credicorp_auth.lifecycle.backoff import note_wish
from credicorp_auth.lifecycle.endpoint_state import (
    Failed,
    Refused,
    SecretUnchanged,
    Succeeded,
    wishes_for,
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
    from credicorp_auth.oauth.endpoint_address import EndpointAddress

A = TypeVar("A")

# What a server answers that choked on one token, and may well answer for the next.
_CHOKED: Final = frozenset({400, 415, 422, 500})

_ANY: Final = Scope()
"""Questions have no scope: what is remembered against the client is remembered against all."""


@frozen(eq=False)
class Timestamped(Generic[A]):
    """
    An answer, and how old it is at least.

    Args:
        response: What the server says.
        sent: When it was asked.
    """

    response: A
    sent: Instant


@frozen
class QueryAttempt(Generic[A]):
    """
    What is asked, and until when.

    Args:
        token: The token.
        client_authentication: How the client proves who it is.
        deadline: Moment of the boot clock to be back.
        read: Reads the answer.
    """

    token: Secret
    client_authentication: str
    deadline: float
    read: Callable[[HttpResponse, TokenQuery], A]


class QueryRuntime(CredentialRuntime, Protocol):
    """What asking about a token needs from outside."""

    def now(self) -> Instant:
        """Return the time by both clocks."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def find_endpoint(self, seconds: float) -> EndpointAddress:
        """Return the address of the endpoint, within so many seconds."""
        ...

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """Send a request and return the whole answer within `timeout` seconds."""
        ...

    def check_peer(self, response: HttpResponse, url: str) -> None:
        """Refuse an answer that came out of a network where the address may not lead."""
        ...

    def recall(self) -> EndpointState:
        """Return how the client stands with this endpoint."""
        ...

    def remember(self, outcome: EndpointOutcome) -> None:
        """Keep what this endpoint did."""
        ...


def query_token(runtime: QueryRuntime, asking: QueryAttempt[A]) -> Timestamped[A]:
    """
    Ask once; a second time only where nothing came of the first, or for another secret.

    Raises:
        CredicorpAuthError: There is no answer. What concerns the endpoint as a whole is remembered.
    """
    check_cooldown(runtime)
    address = runtime.find_endpoint(seconds_left(runtime, asking))
    seconds_left(runtime, asking)
    credentials = fetch_secret(runtime)
    ask = partial(ask_twice, runtime, asking, address)
    note = partial(note_failure, runtime, has_answered=address.has_answered)
    answered, _ = try_secret_versions(runtime, credentials, ask, note)
    runtime.remember(Succeeded())
    return answered


def fetch_secret(runtime: QueryRuntime) -> ClientCredentials:
    """
    Fetch id and secret; without them nobody else's question can be asked either.

    While the client is known to be refused, the source itself is read: a changed secret lifts the
    refusal, and the same one is not shown again.
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
    """Raise at once while the endpoint is left alone, or the client known to be refused."""
    state, now = runtime.recall(), runtime.now().boot
    refusal = state.refusal_of(_ANY, now)
    if refusal is not None and now < refusal.next_recheck:
        raise refusal.error.copy()
    if now < state.cooldown_until:
        raise state.cooldown_error(now)


def seconds_left(runtime: QueryRuntime, asking: QueryAttempt[A]) -> float:
    """Return the seconds until the deadline; raise where there are none."""
    left = asking.deadline - runtime.now().boot
    if left <= 0:
        raise DeadlinePassed("no time was left to ask about the token")
    return left


def ask_twice(
    runtime: QueryRuntime,
    asking: QueryAttempt[A],
    address: EndpointAddress,
    credentials: ClientCredentials,
) -> Timestamped[A]:
    """Ask; if no connection came about, or it broke, once more; not if that cannot help."""
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
    """Send one request and read the answer, which is true of the time before it was sent."""
    left, sent = seconds_left(runtime, asking), runtime.now()
    query = TokenQuery(
        asking.token,
        address.url,
        credentials.client_id,
        credentials.client_secret,
        asking.client_authentication,
        address.source,
        address.has_answered,
    )
    response = runtime.send(build_query_request(query), timeout=left)
    runtime.check_peer(response, address.url)
    try:
        return Timestamped(asking.read(response, query), sent)
    except CredicorpAuthError as error:
        note_wish(runtime, error, response, runtime.now())
        raise


def concerns_one_token(error: CredicorpAuthError, *, has_answered: bool) -> bool:
    """
    Say whether a question failed for its token, so that the next one may be answered.

    Who shows a token chooses what it is. If one that a server chokes on could silence the endpoint,
    anybody could have every other token refused. A refusal that is not one of the client as a whole
    is of that token; what a server asks for in `Retry-After` is asked of everybody.

    Args:
        error: The failure.
        has_answered: Whether the endpoint has answered properly before. If it has, address and
            client are right, and a redirect or a status that says nothing of OAuth (403, 404, 406,
            501 …) is most likely a web application firewall's word about this token.
    """
    if isinstance(error, ServerFailed):
        chokes = error.status in _CHOKED or (has_answered and not is_retryable(error.status))
        return chokes and error.retry_after is None
    if isinstance(error, TokenRequestRefused):
        return not error.retryable and not refuses_client(error)
    if isinstance(error, RedirectRefused):
        return has_answered
    return isinstance(error, MalformedResponse)


def note_failure(
    runtime: QueryRuntime,
    error: CredicorpAuthError,
    shown: ClientCredentials | None = None,
    *,
    has_answered: bool = False,
) -> None:
    """Remember a failure of the endpoint, so that it is not asked again before it makes sense."""
    if concerns_one_token(error, has_answered=has_answered):
        return
    if shown is not None and refuses_client(error):
        runtime.emit("refusal.remembered", code=error.code, scope="")
        runtime.remember(Refused(error, None, shown.version))
        return
    pause = wishes_for(error)
    if pause is not None:
        runtime.emit("endpoint.cooldown", seconds=pause)
    else:
        pause = backoff(runtime.recall().failures + 1, runtime.random())
    runtime.remember(Failed(error, pause))
