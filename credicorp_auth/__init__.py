"""
OAuth 2.0 client-credentials tokens for services: minted once, shared, refreshed before expiry.

    from credicorp_auth import CredicorpAuth

    auth = CredicorpAuth.from_env()
    header = auth.header()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth import errors
from credicorp_auth.lazy import names_from

if TYPE_CHECKING:
    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.bearer.call import BearerCall
    from credicorp_auth.events import Event
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.oauth.introspection import Introspection
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken, Provenance
    from credicorp_auth.resource.token_verifier import TokenVerifier
    from credicorp_auth.settings.schema import Settings

__all__ = [
    "AccessToken",
    "BearerCall",
    "Claims",
    "CredicorpAuth",
    "Event",
    "Introspection",
    "Provenance",
    "Scope",
    "Secret",
    "Settings",
    "TokenVerifier",
    "errors",
]

# Imported on first use, so that a program that only names an error imports nothing else.
__getattr__ = names_from(
    __name__,
    {
        "AccessToken": "oauth.token",
        "BearerCall": "bearer.call",
        "Claims": "jose.claims",
        "CredicorpAuth": "auth",
        "Event": "events",
        "Introspection": "oauth.introspection",
        "Provenance": "oauth.token",
        "Scope": "oauth.scope",
        "Secret": "http.secret",
        "Settings": "settings.schema",
        "TokenVerifier": "resource.token_verifier",
    },
)


def __dir__() -> list[str]:
    return __all__
