"""Client authentication with a secret (RFC 6749 section 2.3.1): one method per request."""

from __future__ import annotations

from base64 import b64encode
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote_plus

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ClientAuthenticator(NamedTuple):
    """
    The additions of an authentication method to a request.

    Args:
        headers: Header names to opaque values.
        fields: Form fields to opaque values.
    """

    headers: Mapping[str, Secret] = MappingProxyType({})
    fields: Mapping[str, Secret] = MappingProxyType({})


def build_client_secret_post(client_id: str, client_secret: Secret) -> ClientAuthenticator:
    """Put id and secret into the form body: `client_secret_post`."""
    return ClientAuthenticator(
        fields={"client_id": Secret(client_id), "client_secret": client_secret}
    )


def build_client_secret_basic(client_id: str, client_secret: Secret) -> ClientAuthenticator:
    """
    Put id and secret into an Authorization header: `client_secret_basic`.

    Id and secret are form-encoded first, then joined and base64-encoded (RFC 6749 section 2.3.1).
    Many clients omit the first step; without it, an id with a colon cannot work.
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret.reveal())}"
    return ClientAuthenticator(
        headers={"Authorization": Secret("Basic " + b64encode(pair.encode()).decode("ascii"))}
    )


CLIENT_AUTHENTICATION: Final[Mapping[str, Callable[[str, Secret], ClientAuthenticator]]] = {
    "client_secret_post": build_client_secret_post,
    "client_secret_basic": build_client_secret_basic,
}


def read_client_authentication(method: str) -> str:
    """
    Check the name of an authentication method.

    Raises:
        InvalidSetting: The method is not one of `CLIENT_AUTHENTICATION` (`config.value`).
    """
    if method not in CLIENT_AUTHENTICATION:
        raise InvalidSetting(
            f"client_authentication {ascii(method)[:60]} is not known",
            hint=f"choose one of {', '.join(CLIENT_AUTHENTICATION)}.",
        )
    return method
