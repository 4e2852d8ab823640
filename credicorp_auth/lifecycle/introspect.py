"""Asking whether a token counts: the story of one question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth.lifecycle.token_query import (
    QueryAttempt,
    QueryRuntime,
    Timestamped,
    query_token,
)
from credicorp_auth.oauth.introspection import (
    Introspection,
    IntrospectionPolicy,
    read_introspection,
)

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.token_query import TokenQuery

ACTIVE_SECONDS: Final = 60.0
"""How long an answer is believed that calls a token active; a revoked one is refused after that."""

INACTIVE_SECONDS: Final = 5.0
"""How long any other answer is believed."""


def introspect_token(
    token: Secret,
    client_authentication: str,
    policy: IntrospectionPolicy,
    runtime: QueryRuntime,
    deadline: float,
) -> Timestamped[Introspection]:
    """
    Ask the introspection endpoint about a token.

    Args:
        token: The token.
        client_authentication: How the client proves who it is.
        policy: What an active token must be like to count.
        runtime: Where.
        deadline: Moment of the boot clock to be back.

    Raises:
        CredicorpAuthError: There is no answer, so the token must not be taken for active.
    """

    def read(response: HttpResponse, query: TokenQuery) -> Introspection:
        return read_introspection(response, query, policy, now=runtime.now().wall)

    try:
        answered = query_token(runtime, QueryAttempt(token, client_authentication, deadline, read))
    except CredicorpAuthError as error:
        runtime.emit("introspection.failed", code=error.code)
        raise
    response = answered.response
    runtime.emit("introspection.answered", active=response.active, code=response.code)
    return answered


def seconds_to_believe(answered: Timestamped[Introspection]) -> float:
    """Return how long an answer is believed, from when it was asked for; never past `exp`."""
    response = answered.response
    if not response.active:
        return INACTIVE_SECONDS
    if response.expires_at is None:
        return ACTIVE_SECONDS
    return min(ACTIVE_SECONDS, response.expires_at - answered.sent.wall)
