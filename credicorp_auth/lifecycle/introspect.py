"""Asking whether a token counts: the story of one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.inquire import Answered, Asking, InquiryWorld, inquire
from credicorp_auth.oauth.introspection import (
    Introspection,
    IntrospectionPolicy,
    read_introspection,
)

if TYPE_CHECKING:
    from credicorp_auth.oauth.http import HttpResponse
    from credicorp_auth.oauth.secret import Secret
    from credicorp_auth.oauth.token_inquiry import TokenInquiry

ACTIVE_SECONDS: Final = 60.0
"""How long an answer is believed that calls a token active; a revoked one is refused after that."""

INACTIVE_SECONDS: Final = 5.0
"""How long any other answer is believed."""


def introspect_token(
    token: Secret,
    client_authentication: str,
    policy: IntrospectionPolicy,
    world: InquiryWorld,
    deadline: float,
) -> Answered[Introspection]:
    """
    Ask the introspection endpoint about a token.

    Args:
        token: The token.
        client_authentication: How the client proves who it is.
        policy: What an active token must be like to count.
        world: Where.
        deadline: Moment of the boot clock to be back.

    Raises:
        CredicorpAuthError: There is no answer, so the token must not be taken for active.
    """

    def read(response: HttpResponse, inquiry: TokenInquiry) -> Introspection:
        return read_introspection(response, inquiry, policy, moment=world.now().wall)

    try:
        answered = inquire(world, Asking(token, client_authentication, deadline, read))
    except CredicorpAuthError as error:
        world.tell("introspection.failed", code=error.code)
        raise
    answer = answered.answer
    world.tell("introspection.answered", active=answer.active, code=answer.code)
    return answered


def seconds_to_believe(answered: Answered[Introspection]) -> float:
    """Return how long an answer is believed, from when it was asked for; never past `exp`."""
    answer = answered.answer
    if not answer.active:
        return INACTIVE_SECONDS
    if answer.expires_at is None:
        return ACTIVE_SECONDS
    return min(ACTIVE_SECONDS, answer.expires_at - answered.sent.wall)
