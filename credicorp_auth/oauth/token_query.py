"""
Requests about a token: what introspection (RFC 7662) and revocation (RFC 7009) share.

A revocation response has no content, so its parser is here, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth import errors
from credicorp_auth.errors import CredicorpAuthError, MalformedToken, TokenRequestRefused
from credicorp_auth.http.secret import Secret
from credicorp_auth.oauth.client_authentication import CLIENT_AUTHENTICATION
from credicorp_auth.oauth.endpoint import EndpointAddress, EndpointProfile, build_form_request
from credicorp_auth.oauth.refusal import read_failure, request_id_of
from credicorp_auth.oauth.token import MAX_TOKEN, AccessToken, is_token

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse

REVOCATION_ENDPOINT: Final = EndpointProfile(
    "revocation endpoint", "revocation.server_error", "revocation.client_error"
)

_JWT: Final = re.compile(r"ey[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2,4}")
_ABOUT_THE_TOKEN: Final = frozenset({400, 415, 422})  # statuses
_ABOUT_ITS_KIND: Final = (errors.InvalidRequest, errors.ServerFailed)  # with such a status


@frozen
class TokenQuery:
    """
    A request about a token, with the client's credentials.

    Args:
        token: The token.
        url: Address of the endpoint.
        client_id: The OAuth client id.
        client_secret: The client secret.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        source: The setting that the address came from, as a hint names it.
        has_responded: Whether the address has responded properly before.
    """

    token: Secret
    url: str
    client_id: str
    client_secret: Secret = field(repr=False)
    client_authentication: str = "client_secret_post"
    source: str = "the settings"
    has_responded: bool = False

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets of the request, which must be scrubbed from its response."""
        return (self.token, self.client_secret)

    def place(self, response: HttpResponse) -> str:
        """Return client, address and request id, for messages."""
        return f"client {self.client_id!r} at {self.url}{request_id_of(response, self.secrets)}"


def read_shown_token(token: object) -> Secret:
    """
    Check a presented token before any request is sent.

    Args:
        token: The token: text or an `AccessToken`.

    Raises:
        MalformedToken: The token is no text, is empty or holds a forbidden character
            (`token.format`), or is too long (`token.too_large`).
    """
    shown = token.value.reveal() if isinstance(token, AccessToken) else token
    if isinstance(shown, str) and is_token(shown):
        return Secret(shown)
    too_large = isinstance(shown, str) and len(shown) > MAX_TOKEN
    del token, shown  # keep the token out of the error's traceback
    if too_large:
        raise MalformedToken(f"the token is longer than {MAX_TOKEN} bytes", code="token.too_large")
    raise MalformedToken(
        "the token is empty, or not printable ASCII without white space", code="token.format"
    )


def build_query_request(query: TokenQuery) -> HttpRequest:
    """Build the request about a token (RFC 7662 section 2.1, RFC 7009 section 2.1)."""
    authenticate = CLIENT_AUTHENTICATION[query.client_authentication]
    return build_form_request(
        query.url,
        [("token", query.token.reveal()), ("token_type_hint", "access_token")],
        authenticate(query.client_id, query.client_secret),
    )


def read_query_failure(
    response: HttpResponse, query: TokenQuery, profile: EndpointProfile
) -> CredicorpAuthError:
    """
    Read a response whose status is not 200.

    Args:
        response: The response.
        query: The query that was sent.
        profile: The endpoint that responded.

    Returns:
        The error to raise; `UnsupportedTokenType` if the endpoint rejects a JWT as a bad request.
    """
    where = query.place(response)
    address = EndpointAddress(query.url, query.source, query.has_responded)
    failure = read_failure(response, where, query.secrets, address, profile)
    jwt_refused = (
        response.status in _ABOUT_THE_TOKEN
        and _JWT.fullmatch(query.token.reveal()) is not None
        and isinstance(failure, _ABOUT_ITS_KIND)
    )
    if not jwt_refused:
        return failure
    refusal = failure if isinstance(failure, TokenRequestRefused) else None
    return errors.UnsupportedTokenType(
        f"the {profile.name} does not take this JWT: {failure.message}",
        error=refusal.error if refusal else "",
        description=refusal.description if refusal else "",
        status=response.status,
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
