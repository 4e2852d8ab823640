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
    InvalidClient,
    MalformedAnswer,
    ServerFailed,
    TokenEndpointBusy,
    TokenRequestRefused,
    UnauthorizedClient,
)
from credicorp_auth.lifecycle.rotate import CredentialsWorld, show_in_turn
from credicorp_auth.lifecycle.setback import choose_pause
from credicorp_auth.lifecycle.standing import Failed, Served
from credicorp_auth.oauth.retry import back_off
from credicorp_auth.oauth.token_inquiry import TokenInquiry, build_inquiry_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.standing import Fact, Standing
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.http import HttpRequest, HttpResponse
    from credicorp_auth.oauth.secret import Secret

A = TypeVar("A")

# What a server answers that choked on one token, and may well answer for the next.
_CHOKED: Final = frozenset({400, 415, 422, 500})


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

    def find_endpoint(self, seconds: float) -> str:
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
    url = world.find_endpoint(seconds_left(world, asking))
    seconds_left(world, asking)
    credentials = fetch_secret(world)
    ask, note = partial(ask_twice, world, asking, url), partial(note_failure, world)
    answered, _ = show_in_turn(world, credentials, ask, note)
    world.remember(Served())
    return answered


def fetch_secret(world: InquiryWorld) -> ClientCredentials:
    """Fetch id and secret; without them nobody else's question can be asked either."""
    try:
        return world.fetch_secret(past_cache=False)
    except CredicorpAuthError as error:
        note_failure(world, error)
        raise


def check_welcome(world: InquiryWorld) -> None:
    """Raise at once while the endpoint is left alone."""
    standing, moment = world.recall(), world.now().boot
    if moment < standing.quiet_until:
        raise standing.why_quiet(moment)


def seconds_left(world: InquiryWorld, asking: Asking[A]) -> float:
    """Return the seconds until the deadline; raise where there are none."""
    left = asking.deadline - world.now().boot
    if left <= 0:
        raise DeadlinePassed("no time was left to ask about the token")
    return left


def ask_twice(
    world: InquiryWorld, asking: Asking[A], url: str, credentials: ClientCredentials
) -> Answered[A]:
    """Ask; where no connection came about, or it broke, once more."""
    try:
        return ask_once(world, asking, url, credentials)
    except ConnectionFailed:
        pass
    return ask_once(world, asking, url, credentials)


def ask_once(
    world: InquiryWorld, asking: Asking[A], url: str, credentials: ClientCredentials
) -> Answered[A]:
    """Send one request and read the answer, which is true of the time before it was sent."""
    left, sent = seconds_left(world, asking), world.now()
    inquiry = TokenInquiry(
        asking.token,
        url,
        credentials.client_id,
        credentials.client_secret,
        asking.client_authentication,
    )
    response = world.send(build_inquiry_request(inquiry), timeout=left)
    world.check_peer(response, url)
    try:
        return Answered(asking.read(response, inquiry), sent)
    except TokenEndpointBusy as busy:
        busy.retry_after = choose_pause(world, response, world.now())
        raise


def concerns_one_token(error: CredicorpAuthError) -> bool:
    """
    Say whether a question failed for its token, so that the next one may be answered.

    Who shows a token chooses what it is. If one that a server chokes on could silence the endpoint,
    anybody could have every other token refused.
    """
    if isinstance(error, (InvalidClient, UnauthorizedClient)):
        return False
    if isinstance(error, (ServerFailed, TokenRequestRefused)):
        return error.status in _CHOKED
    return isinstance(error, MalformedAnswer)


def note_failure(
    world: InquiryWorld, error: CredicorpAuthError, _shown: ClientCredentials | None = None
) -> None:
    """Remember a failure of the endpoint, so that it is not asked again before it makes sense."""
    if concerns_one_token(error):
        return
    if isinstance(error, TokenEndpointBusy):
        pause = error.retry_after
        world.tell("endpoint.cool_down", seconds=pause)
    else:
        pause = back_off(world.recall().failures + 1, world.random())
    world.remember(Failed(error, pause))
