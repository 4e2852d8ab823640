"""Authenticated form request of a client to an authorization server."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from credicorp_auth.http.messages import HttpRequest
from credicorp_auth.http.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.oauth.client_authentication import ClientAuthenticator


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
