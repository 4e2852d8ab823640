"""
For services that receive tokens: who may come in, said once for every framework.

    from credicorp_auth import TokenVerifier
    from credicorp_auth.resource.asgi import BearerGuard

    verifier = TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api")
    app = BearerGuard(app, verifier, {"/decisions": "decisions:read"})

`resource.wsgi`, `resource.fastapi` and `resource.flask` have a `BearerGuard` of their own.
"""

from __future__ import annotations

from credicorp_auth.resource.access import ANY_TOKEN, CLOSED, OPEN
from credicorp_auth.resource.introspected import IntrospectingVerifier
from credicorp_auth.resource.verifier import Verifier

__all__ = ["ANY_TOKEN", "CLOSED", "OPEN", "IntrospectingVerifier", "Verifier"]
