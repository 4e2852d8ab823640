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
    MalformedAnswer,
    RedirectRefused,
    ServerFailed,
    TokenRequestRefused,
)
from credicorp_auth.lifecycle.rotate import CredentialsWorld, fetch_current, show_in_turn
from credicorp_auth.lifecycle.setback import note_wish
from credicorp_auth.lifecycle.standing import Failed, LookedAgain, Refused, Served, wishes_for
from credicorp_auth.oauth.refusal import refuses_client
from credicorp_auth.oauth.retry import back_off, is_retryable
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token_inquiry import TokenInquiry, build_inquiry_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.standing import Fact, Standing
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.endpoint_address import EndpointAddress
    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.oauth.secret import Secret

A = TypeVar("A")

# What a server answers that choked on one token, and may well answer for the next.
_CHOKED: Final = frozenset({400, 415, 422, 500})

_ANY: Final = Scope()
"""Questions have no scope: what is remembered against the client is remembered against all."""


@frozen(eq=False)
class Answered(Generic[A]):
    """
    An answer, and how old it is at least.

    Args:
        answer: What the server says.
        sent: When it was asked.
    """

    answer: A
    sent: Instant


@frozen
class Asking(Generic[A]):
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
    read: Callable[[HttpResponse, TokenInquiry], A]


class InquiryWorld(CredentialsWorld, Protocol):
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

    def recall(self) -> Standing:
        """Return how the client stands with this endpoint."""
        ...

    def remember(self, fact: Fact) -> None:
        """Keep what this endpoint did."""
        ...


def inquire(world: InquiryWorld, asking: Asking[A]) -> Answered[A]:
    """
    Ask once; a second time only where nothing came of the first, or for another secret.

    Raises:
        CredicorpAuthError: There is no answer. What concerns the endpoint as a whole is remembered.
    """
    check_welcome(world)
    address = world.find_endpoint(seconds_left(world, asking))
    seconds_left(world, asking)
    credentials = fetch_secret(world)
    ask = partial(ask_twice, world, asking, address)
    note = partial(note_failure, world, has_answered=address.has_answered)
    answered, _ = show_in_turn(world, credentials, ask, note)
    world.remember(Served())
    return answered


def fetch_secret(world: InquiryWorld) -> ClientCredentials:
    """
    Fetch id and secret; without them nobody else's question can be asked either.

    While the client is known to be refused, the source itself is read: a changed secret lifts the
    refusal, and the same one is not shown again.
    """
    refusal = world.recall().refusal_of(_ANY, world.now().boot)
    if refusal is not None:
        current = fetch_current(world)
        if current is not None and current.version != refusal.version:
            return current
        world.remember(LookedAgain(_ANY))
        raise refusal.error.copy()
    try:
        return world.fetch_secret(past_cache=False)
    except CredicorpAuthError as error:
        note_failure(world, error)
        raise


def check_welcome(world: InquiryWorld) -> None:
    """Raise at once while the endpoint is left alone, or the client known to be refused."""
    standing, moment = world.recall(), world.now().boot
    refusal = standing.refusal_of(_ANY, moment)
    if refusal is not None and moment < refusal.next_look:
        raise refusal.error.copy()
    if moment < standing.quiet_until:
        raise standing.why_quiet(moment)


def seconds_left(world: InquiryWorld, asking: Asking[A]) -> float:
    """Return the seconds until the deadline; raise where there are none."""
    left = asking.deadline - world.now().boot
    if left <= 0:
        raise DeadlinePassed("no time was left to ask about the token")
    return left


def ask_twice(
    world: InquiryWorld,
    asking: Asking[A],
    address: EndpointAddress,
    credentials: ClientCredentials,
) -> Answered[A]:
    """Ask; if no connection came about, or it broke, once more; not if that cannot help."""
    try:
        return ask_once(world, asking, address, credentials)
    except ConnectionFailed as error:
        if not error.retryable:
            raise
    return ask_once(world, asking, address, credentials)


def ask_once(
    world: InquiryWorld,
    asking: Asking[A],
    address: EndpointAddress,
    credentials: ClientCredentials,
) -> Answered[A]:
    """Send one request and read the answer, which is true of the time before it was sent."""
    left, sent = seconds_left(world, asking), world.now()
    inquiry = TokenInquiry(
        asking.token,
        address.url,
        credentials.client_id,
        credentials.client_secret,
        asking.client_authentication,
        address.source,
        address.has_answered,
    )
    response = world.send(build_inquiry_request(inquiry), timeout=left)
    world.check_peer(response, address.url)
    try:
        return Answered(asking.read(response, inquiry), sent)
    except CredicorpAuthError as error:
        note_wish(world, error, response, world.now())
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
    return isinstance(error, MalformedAnswer)


def note_failure(
    world: InquiryWorld,
    error: CredicorpAuthError,
    shown: ClientCredentials | None = None,
    *,
    has_answered: bool = False,
) -> None:
    """Remember a failure of the endpoint, so that it is not asked again before it makes sense."""
    if concerns_one_token(error, has_answered=has_answered):
        return
    if shown is not None and refuses_client(error):
        world.tell("refusal.remembered", code=error.code, scope="")
        world.remember(Refused(error, None, shown.version))
        return
    pause = wishes_for(error)
    if pause is not None:
        world.tell("endpoint.cool_down", seconds=pause)
    else:
        pause = back_off(world.recall().failures + 1, world.random())
    world.remember(Failed(error, pause))
