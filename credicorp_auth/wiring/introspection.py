"""Composition of the introspector and the revoker from settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.engine.tokens.introspector import Introspector
from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime
from credicorp_auth.engine.tokens.revoker import Revoker
from credicorp_auth.errors import MissingSetting
from credicorp_auth.oauth.introspection import IntrospectionPolicy

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.engine.tokens.token_engine import TokenEngine
    from credicorp_auth.settings.schema import Settings


def build_introspector(
    settings: Settings, runtime: ServerRuntime, discovery: Discovery | None
) -> Introspector:
    """
    Build the introspector.

    Raises:
        MissingSetting: An audience is required, and none is set (`config.verifier`).
    """
    requires = settings.introspection_audience == "required"
    if requires and settings.audience is None:
        raise MissingSetting(
            "`introspection_audience` is `required`, and no audience is set",
            code="config.verifier",
            hint="set `audience` to the name under which tokens mean this service.",
        )
    policy = IntrospectionPolicy(
        settings.issuer, settings.audience, settings.leeway, requires_audience=requires
    )
    where: str | Discovery = settings.introspection_url
    if discovery is not None and settings.discovers("introspection_url"):
        where = discovery
    source = settings.source_of("introspection_url")
    asked = ServerQueryRuntime(
        runtime, where, "introspection_endpoint", settings.client_id, source=source
    )
    return Introspector(policy, settings.client_authentication, asked, timeout=settings.timeout)


def build_revoker(
    settings: Settings,
    runtime: ServerRuntime,
    discovery: Discovery | None,
    tokens: TokenEngine,
    introspector: Introspector,
) -> Revoker:
    """Build the revoker."""
    where: str | Discovery = settings.revocation_url
    if discovery is not None and settings.discovers("revocation_url"):
        where = discovery
    source = settings.source_of("revocation_url")
    asked = ServerQueryRuntime(
        runtime, where, "revocation_endpoint", settings.client_id, source=source
    )
    method = settings.client_authentication
    return Revoker(tokens, introspector, method, asked, timeout=settings.timeout)
