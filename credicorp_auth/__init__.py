"""
OAuth 2.0 client-credentials tokens for services: minted once, shared, refreshed before expiry.

    from credicorp_auth import CredicorpAuth

    auth = CredicorpAuth.from_env()
    header = auth.header()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from credicorp_auth import errors

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
_MODULES: Final = {
    "AccessToken": "credicorp_auth.oauth.token",
    "BearerCall": "credicorp_auth.bearer.call",
    "Claims": "credicorp_auth.jose.claims",
    "CredicorpAuth": "credicorp_auth.auth",
    "Event": "credicorp_auth.events",
    "Introspection": "credicorp_auth.oauth.introspection",
    "Provenance": "credicorp_auth.oauth.token",
    "Scope": "credicorp_auth.oauth.scope",
    "Secret": "credicorp_auth.http.secret",
    "Settings": "credicorp_auth.settings.schema",
    "TokenVerifier": "credicorp_auth.resource.token_verifier",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
