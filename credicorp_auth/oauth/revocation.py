"""Revocation response (RFC 7009): parser."""

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
    Read the response to a revocation request (RFC 7009 section 2.2).

    Status 200 means success, also for a token that the server does not know: it is not valid in
    either case. The body has no meaning and is not read.

    Args:
        response: The response.
        query: The query that was sent.

    Raises:
        CredicorpAuthError: The server refused or failed; the token may still be valid.
    """
    if response.status != 200:  # noqa: PLR2004 - RFC 7009 section 2.2: the one success
        raise read_query_failure(response, query, REVOCATION_ENDPOINT)
