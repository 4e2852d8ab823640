"""Asking an authorization server for a public document: its metadata, its keys."""

from __future__ import annotations

from credicorp_auth.errors import RedirectRefused, ServerFailed
from credicorp_auth.oauth.http import HttpRequest, HttpResponse
from credicorp_auth.oauth.retry import COOL_DOWN_STATUSES, RETRYABLE_STATUSES, read_retry_after


def build_document_request(url: str, media_types: str = "application/json") -> HttpRequest:
    """
    Build the request for a document; it carries nothing of the client.

    Args:
        url: The address of the document.
        media_types: The value of `Accept`.
    """
    return HttpRequest("GET", url, headers={"Accept": media_types, "Accept-Encoding": "identity"})


def check_document_status(response: HttpResponse, url: str, *, moment: float) -> None:
    """
    Refuse an answer that brings no document.

    Args:
        response: The answer.
        url: Where it came from.
        moment: Epoch seconds now.

    Raises:
        RedirectRefused: A redirect, which is never followed.
        ServerFailed: Another status than 200 (`document.status`).
    """
    status = response.status
    if status in {301, 302, 303, 307, 308}:
        raise RedirectRefused(
            f"{url} redirected, status {status}",
            cure="set the final address; documents that keys are read from are never redirected.",
        )
    if status != 200:  # noqa: PLR2004 - the one success
        asked = read_retry_after(response, moment)
        raise ServerFailed(
            f"{url} answered status {status}",
            status=status,
            retry_after=asked if status in COOL_DOWN_STATUSES else None,
            code="document.status",
            cure="check `jwks_url` or `issuer`; then ask the operator of the issuer.",
            retryable=status in RETRYABLE_STATUSES,
        )
