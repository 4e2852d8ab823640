"""Asking the authorization server to let a token count no more (RFC 7009)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.oauth.refusal import EndpointProfile
from credicorp_auth.oauth.token_query import read_query_failure

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.oauth.token_query import TokenQuery

REVOCATION_ENDPOINT: Final = EndpointProfile(
    "revocation endpoint", "revocation.server_error", "revocation.client_error"
)


def read_revocation(response: HttpResponse, query: TokenQuery) -> None:
    """
    Read the answer to a revocation request (RFC 7009 section 2.2).

    Status 200 is all that success says, also where the server does not know the token: it counts
    no more in any case. The body means nothing and is not read.

    Args:
        response: What the transport brought.
        query: What was asked.

    Raises:
        CredicorpAuthError: The server refused or failed; the token may count still.
    """
    if response.status != 200:  # noqa: PLR2004 - RFC 7009 section 2.2: the one success
        raise read_query_failure(response, query, REVOCATION_ENDPOINT)
