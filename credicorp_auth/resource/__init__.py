"""
Guards for resource servers, which verify the tokens of incoming requests.

    from credicorp_auth import TokenVerifier
    from credicorp_auth.resource import Guard

    guard = Guard(TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api"))
    claims = guard.require(request.headers, "decisions:read")

`resource.asgi` and `resource.wsgi` have a `BearerGuard` that wraps a whole application. The modules
named after a framework have a `Guard` that enforces marks on handlers.
"""

from __future__ import annotations

from credicorp_auth.resource.guard import Guard
from credicorp_auth.resource.introspected import IntrospectingVerifier
from credicorp_auth.resource.refusal import Refused
from credicorp_auth.resource.scope import ANY_SCOPE
from credicorp_auth.resource.verifier import Verifier

__all__ = ["ANY_SCOPE", "Guard", "IntrospectingVerifier", "Refused", "Verifier"]
