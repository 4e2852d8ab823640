"""Request for a public document of an authorization server: its metadata or its key set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import RedirectRefused, ServerFailed
from credicorp_auth.http.messages import HttpRequest, HttpResponse
from credicorp_auth.http.retry import is_retryable, read_retry_after

if TYPE_CHECKING:
    from credicorp_auth.oauth.endpoint_address import EndpointAddress

_NOT_THERE: Final = frozenset({404, 405})


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
