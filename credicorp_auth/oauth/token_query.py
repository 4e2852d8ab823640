"""What asking about a token and revoking one have in common (RFC 7662 and RFC 7009)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth import errors
from credicorp_auth.errors import CredicorpAuthError, MalformedToken, TokenRequestRefused
from credicorp_auth.http.secret import Secret
from credicorp_auth.oauth.client_authentication import CLIENT_AUTHENTICATION
from credicorp_auth.oauth.endpoint_address import EndpointAddress
from credicorp_auth.oauth.form_request import build_form_request
from credicorp_auth.oauth.refusal import EndpointProfile, read_failure, request_id_of
from credicorp_auth.oauth.token import AccessToken
from credicorp_auth.oauth.token_text import MAX_TOKEN, is_token

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpRequest, HttpResponse

_JWT: Final = re.compile(r"ey[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){2,4}")
_ABOUT_THE_TOKEN: Final = frozenset({400, 415, 422})  # statuses
_ABOUT_ITS_KIND: Final = (errors.InvalidRequest, errors.ServerFailed)  # with such a status


@frozen
class TokenQuery:
    """
    A token, and the one who asks about it.

    Args:
        token: The token.
        url: Address of the endpoint.
        client_id: Who asks.
        client_secret: The proof.
        client_authentication: A name from `CLIENT_AUTHENTICATION`.
        source: Where the address came from, as a hint names it.
        has_answered: Whether the address has answered properly before.
    """

    token: Secret
    url: str
    client_id: str
    client_secret: Secret = field(repr=False)
    client_authentication: str = "client_secret_post"
    source: str = "the settings"
    has_answered: bool = False

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What is part of the request, and must not be shown out of its response."""
        return (self.token, self.client_secret)

    def place(self, response: HttpResponse) -> str:
        """Return who asked where, for messages."""
        return f"client {self.client_id!r} at {self.url}{request_id_of(response, self.secrets)}"


def read_shown_token(token: object) -> Secret:
    """
    Check a token before anybody is asked about it.

    Args:
        token: What somebody showed: the text, or an `AccessToken`.

    Raises:
        MalformedToken: It is no text, empty, or holds what no token may (`token.format`), or is
            longer than any (`token.too_large`).
    """
    shown = token.value.reveal() if isinstance(token, AccessToken) else token
    if isinstance(shown, str) and is_token(shown):
        return Secret(shown)
    too_large = isinstance(shown, str) and len(shown) > MAX_TOKEN
    del token, shown  # not in reach of the error's traceback
    if too_large:
        raise MalformedToken(f"the token is longer than {MAX_TOKEN} bytes", code="token.too_large")
    raise MalformedToken(
        "the token is empty, or not printable ASCII without white space", code="token.format"
    )


def build_query_request(query: TokenQuery) -> HttpRequest:
    """Build the request about a token (RFC 7662 section 2.1, RFC 7009 section 2.1)."""
    prove = CLIENT_AUTHENTICATION[query.client_authentication]
    return build_form_request(
        query.url,
        [("token", query.token.reveal()), ("token_type_hint", "access_token")],
        prove(query.client_id, query.client_secret),
    )


def read_query_failure(
    response: HttpResponse, query: TokenQuery, profile: EndpointProfile
) -> CredicorpAuthError:
    """
    Read an answer whose status is not 200.

    Args:
        response: The answer.
        query: What was asked.
        profile: Who answered.

    Returns:
        The error to raise; for a JWT that the endpoint takes for a bad request, one that says so.
    """
    where = query.place(response)
    address = EndpointAddress(query.url, query.source, query.has_answered)
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
