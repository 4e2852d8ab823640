"""Introspection of a token: one request, its event, and how long its result is kept."""

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
"""Maximum seconds that an active result is cached; after that a revoked token is rejected."""

INACTIVE_SECONDS: Final = 5.0
"""Seconds that an inactive result is cached."""


def introspect_token(
    token: Secret,
    client_authentication: str,
    policy: IntrospectionPolicy,
    runtime: QueryRuntime,
    deadline: float,
) -> Timestamped[Introspection]:
    """
    Introspect a token.

    Args:
        token: The token.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        policy: The requirements for an active token.
        runtime: The runtime that performs I/O.
        deadline: Boot-clock time by which the call must return.

    Raises:
        CredicorpAuthError: There is no usable response; the token must not count as active.
    """

    def read(response: HttpResponse, query: TokenQuery) -> Introspection:
        return read_introspection(response, query, policy, now=runtime.now().wall)

    try:
        received = query_token(runtime, QueryAttempt(token, client_authentication, deadline, read))
    except CredicorpAuthError as error:
        runtime.emit("introspection.failed", code=error.code)
        raise
    response = received.response
    runtime.emit("introspection.completed", active=response.active, code=response.code)
    return received


def cacheable_seconds(received: Timestamped[Introspection]) -> float:
    """Return the seconds that a result may be cached, from its request on; never past `exp`."""
    response = received.response
    if not response.active:
        return INACTIVE_SECONDS
    if response.expires_at is None:
        return ACTIVE_SECONDS
    return min(ACTIVE_SECONDS, response.expires_at - received.sent.wall)
