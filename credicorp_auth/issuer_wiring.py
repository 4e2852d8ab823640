"""Settings about an issuer become discovery, and a verifier of its tokens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from credicorp_auth.engine.discovery import COOL_DOWN, DiscoveringTransport, Discovery
from credicorp_auth.engine.fetch_budget import FetchBudget
from credicorp_auth.engine.kept_document import KeptDocument
from credicorp_auth.engine.key_world import RealKeyWorld
from credicorp_auth.engine.no_verifier import missing_issuer
from credicorp_auth.engine.verifier_engine import VerifierEngine
from credicorp_auth.lifecycle.fetch_keys import LONGEST_STALE, fetch_keys
from credicorp_auth.oauth.http import origin_of
from credicorp_auth.oauth.metadata import MetadataSource
from credicorp_auth.oauth.signature_algorithm import read_algorithms
from credicorp_auth.oauth.verification import VerificationPolicy

if TYPE_CHECKING:
    from credicorp_auth.engine.open_world import OpenWorld
    from credicorp_auth.oauth.key_set import KeySet
    from credicorp_auth.ports import Transport
    from credicorp_auth.settings import Settings

_KEY_FETCHES: Final = 2
"""Fetches of the keys in a burst: a key that is new right after a fetch is found at once."""


def build_discovery(settings: Settings, world: OpenWorld) -> Discovery | None:
    """Build what discovers endpoints; None where discovery is off."""
    if settings.discovery == "off":
        return None
    own = frozenset({origin_of(settings.expected_issuer), origin_of(settings.base_url)})
    source = MetadataSource(
        settings.metadata_url,
        settings.expected_issuer,
        own | settings.endpoint_origins,
        settings.endpoint_origins,
        "`issuer`" if settings.issuer is not None else "`base_url`",
    )
    return Discovery(source, world, timeout=settings.timeout)


def build_keys(
    settings: Settings, world: OpenWorld, discovery: Discovery | None
) -> KeptDocument[KeySet]:
    """Build what keeps the issuer's keys."""
    algorithms = read_algorithms(settings.algorithms)
    where: str | Discovery = settings.jwks_url
    if discovery is not None and settings.discovers("jwks_url"):
        where = discovery
    key_world = RealKeyWorld(world, where, source=settings.source_of("jwks_url"))
    return KeptDocument(
        "keys",
        partial(fetch_keys, algorithms, key_world),
        world.clock,
        timeout=settings.timeout,
        budget=FetchBudget(pause=COOL_DOWN, burst=_KEY_FETCHES),
        longest=LONGEST_STALE,
    )


def build_verifier(
    settings: Settings, world: OpenWorld, discovery: Discovery | None
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
    keys = build_keys(settings, world, discovery)
    return VerifierEngine(policy, settings.audience, keys, world)


def with_discovery(
    transport: Transport, settings: Settings, discovery: Discovery | None, world: OpenWorld
) -> Transport:
    """Let a transport find out where the token endpoint is, where that is not set."""
    if discovery is None or not settings.discovers("token_url"):
        return transport
    method = settings.client_authentication
    return DiscoveringTransport(transport, settings.token_url, discovery, method, world)
