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
    asked = _query_runtime(settings, runtime, discovery, "introspection")
    return Introspector(policy, settings.client_authentication, asked, timeout=settings.timeout)


def build_revoker(
    settings: Settings,
    runtime: ServerRuntime,
    discovery: Discovery | None,
    tokens: TokenEngine,
    introspector: Introspector,
) -> Revoker:
    """Build the revoker."""
    asked = _query_runtime(settings, runtime, discovery, "revocation")
    method = settings.client_authentication
    return Revoker(tokens, introspector, method, asked, timeout=settings.timeout)


def _query_runtime(
    settings: Settings, runtime: ServerRuntime, discovery: Discovery | None, endpoint: str
) -> ServerQueryRuntime:
    setting = f"{endpoint}_url"
    where: str | Discovery = getattr(settings, setting)
    if discovery is not None and settings.discovers(setting):
        where = discovery
    source = settings.source_of(setting)
    return ServerQueryRuntime(
        runtime, where, f"{endpoint}_endpoint", settings.client_id, source=source
    )
