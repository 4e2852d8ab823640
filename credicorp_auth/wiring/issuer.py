"""Composition of discovery, key cache and token verifier from settings."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.keys.discovery import COOLDOWN, DiscoveringTransport, Discovery
from credicorp_auth.engine.keys.fetch_budget import FetchBudget
from credicorp_auth.engine.keys.runtime import ServerKeyRuntime
from credicorp_auth.engine.keys.verifier_engine import VerifierEngine
from credicorp_auth.engine.keys.verifying import missing_issuer
from credicorp_auth.engine.single_flight.cached_document import CachedDocument
from credicorp_auth.http.messages import origin_of
from credicorp_auth.jose.signature_algorithm import read_algorithms
from credicorp_auth.jose.verification import VerificationPolicy
from credicorp_auth.lifecycle.fetch_keys import LONGEST_STALE, fetch_keys
from credicorp_auth.oauth.metadata import MetadataSource, well_known_url

if TYPE_CHECKING:
    from credicorp_auth.engine.runtime import AnonymousRuntime
    from credicorp_auth.jose.keys import KeySet
    from credicorp_auth.plugin.api import Transport
    from credicorp_auth.settings.schema import Settings

_KEY_FETCHES: Final = 2
"""Burst size of key fetches: a key published right after a fetch is found at once."""


def build_discovery(settings: Settings, runtime: AnonymousRuntime) -> Discovery | None:
    """Build the discovery of endpoints; None if `discovery` is off."""
    if settings.discovery == "off":
        return None
    own = frozenset({origin_of(settings.expected_issuer), origin_of(settings.base_url)})
    source = MetadataSource(
        settings.metadata_url,
        settings.expected_issuer,
        own | settings.endpoint_origins,
        settings.endpoint_origins,
        "`issuer`" if settings.issuer is not None else "`base_url`",
        well_known_url(settings.expected_issuer, oidc=settings.discovery != "oidc"),
        "on" if settings.discovery == "oidc" else "oidc",
    )
    return Discovery(source, runtime, timeout=settings.timeout)


def build_keys(
    settings: Settings, runtime: AnonymousRuntime, discovery: Discovery | None
) -> CachedDocument[KeySet]:
    """Build the cache of the issuer's keys."""
    algorithms = read_algorithms(settings.algorithms)
    where: str | Discovery = settings.jwks_url
    if discovery is not None and settings.discovers("jwks_url"):
        where = discovery
    key_runtime = ServerKeyRuntime(runtime, where, source=settings.source_of("jwks_url"))
    return CachedDocument(
        "keys",
        partial(fetch_keys, algorithms, key_runtime),
        runtime.clock,
        timeout=settings.timeout,
        budget=FetchBudget(pause=COOLDOWN, burst=_KEY_FETCHES),
        longest=LONGEST_STALE,
    )


def build_verifier(
    settings: Settings, runtime: AnonymousRuntime, discovery: Discovery | None
) -> VerifierEngine:
    """
    Build a verifier.

    Raises:
        MissingSetting: No issuer is set (`config.verifier`).
    """
    if settings.issuer is None:
        raise missing_issuer()
    algorithms = read_algorithms(settings.algorithms)
    policy = VerificationPolicy(settings.issuer, algorithms, settings.leeway)
    keys = build_keys(settings, runtime, discovery)
    return VerifierEngine(policy, settings.audience, keys, runtime)


def with_discovery(
    transport: Transport, settings: Settings, discovery: Discovery | None, runtime: AnonymousRuntime
) -> Transport:
    """Wrap a transport so that it discovers the token endpoint, if that is not set."""
    if discovery is None or not settings.discovers("token_url"):
        return transport
    method = settings.client_authentication
    return DiscoveringTransport(transport, settings.token_url, discovery, method, runtime)
