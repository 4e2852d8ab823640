"""Endpoints of an authorization server: address, name and error codes, and the requests to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote_plus

from credicorp_auth.errors import RedirectRefused, ServerFailed
from credicorp_auth.http.messages import HttpRequest, HttpResponse
from credicorp_auth.http.retry import is_retryable, read_retry_after
from credicorp_auth.http.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.oauth.client_authentication import ClientAuthenticator

_NOT_THERE: Final = frozenset({404, 405})


class EndpointAddress(NamedTuple):
    """
    An address of the authorization server.

    Args:
        url: The address.
        source: Its origin, as a hint names it: `base_url`, or the metadata at an address.
        has_responded: Whether it has responded properly before, in this process. If so, a 404 is
            a deployment in progress and retryable; if not, the address is wrong.
    """

    url: str
    source: str
    has_responded: bool = False


class EndpointProfile(NamedTuple):
    """
    The name and the error codes of an endpoint.

    Args:
        name: The name for messages.
        server_error: The error code for 5xx, 408 and 425.
        client_error: The error code for a 4xx without an OAuth error.
    """

    name: str
    server_error: str
    client_error: str


TOKEN_ENDPOINT: Final = EndpointProfile(
    "token endpoint", "token_endpoint.server_error", "token_endpoint.client_error"
)


def build_form_request(
    url: str, fields: Iterable[tuple[str, str]], authentication: ClientAuthenticator
) -> HttpRequest:
    """
    Build a form request with client authentication.

    Args:
        url: Address of the endpoint; nothing is added to it.
        fields: Names and values of the form.
        authentication: The client authentication, which goes into the body or one header.
    """
    authenticating = [(name, secret.reveal()) for name, secret in authentication.fields.items()]
    form = "&".join(
        f"{quote_plus(name)}={quote_plus(value)}" for name, value in [*fields, *authenticating]
    )
    return HttpRequest(
        "POST",
        url,
        headers={
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/x-www-form-urlencoded",
            **authentication.headers,
        },
        body=SecretBytes(form.encode("ascii")),
    )


def build_document_request(url: str, media_types: str = "application/json") -> HttpRequest:
    """
    Build the request for a document, without client credentials.

    Args:
        url: The address of the document.
        media_types: The value of the `Accept` header.
    """
    return HttpRequest("GET", url, headers={"Accept": media_types, "Accept-Encoding": "identity"})


def check_document_status(response: HttpResponse, address: EndpointAddress, *, now: float) -> None:
    """
    Reject a response without a document.

    Args:
        response: The response.
        address: The address it came from, for messages.
        now: Current time in epoch seconds.

    Raises:
        RedirectRefused: The response is a redirect; redirects are never followed.
        ServerFailed: The document does not exist (`endpoint.not_found`), or the status is another
            one than 200 (`document.status`).
    """
    status, url = response.status, address.url
    if status in {301, 302, 303, 307, 308}:
        raise RedirectRefused(
            f"{url} redirected, status {status}",
            hint="set the final address; documents that keys are read from are never redirected.",
        )
    if status in _NOT_THERE:
        raise ServerFailed(
            f"there is no document at {url}, status {status}",
            status=status,
            code="endpoint.not_found",
            hint=f"check the address {url}, which came from {address.source}.",
            retryable=address.has_responded,
        )
    if status != 200:  # noqa: PLR2004 - the one success
        raise ServerFailed(
            f"{url} returned status {status}",
            status=status,
            retry_after=read_retry_after(response, now),
            code="document.status",
            hint="check `jwks_url` or `issuer`; then ask the operator of the issuer.",
            retryable=is_retryable(status),
        )
