"""Engine composition: settings and adapters become the engines of a `CredicorpAuth`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.endpoint_locator import EndpointLocator
from credicorp_auth.engine.event_emitter import EventEmitter
from credicorp_auth.engine.guarded_adapters import GuardedCache, GuardedSecretSource
from credicorp_auth.engine.runtime import AnonymousRuntime
from credicorp_auth.engine.storage.credential_cache import CredentialCache
from credicorp_auth.engine.storage.static_secret import StaticSecret
from credicorp_auth.engine.tokens.runtime import ServerRuntime
from credicorp_auth.engine.tokens.token_engine import TokenEngine
from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import Client
from credicorp_auth.lifecycle.windows import WindowPolicy
from credicorp_auth.oauth.token_endpoint import TokenPolicy, TokenRequest
from credicorp_auth.plugin.loading.kinds import CACHE, TRANSPORT
from credicorp_auth.settings.environment import PROFILE_VARIABLE
from credicorp_auth.settings.schema import Settings
from credicorp_auth.settings.sources import merge_sources, sources_of_env, sources_of_profile
from credicorp_auth.wiring.adapters import (
    load_adapter,
    load_observer,
    load_secret_source,
    operators_registry,
)
from credicorp_auth.wiring.introspection import TokenQueries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.engine.keys.verifier_engine import VerifierEngine
    from credicorp_auth.engine.storage.encryption import EntryCipher
    from credicorp_auth.plugin.api import ListingCache, Provider
    from credicorp_auth.plugin.loading.registry import Registry


def settings_from_env(
    environ: Mapping[str, str], keywords: Mapping[str, Any], *, needs_secret: bool = True
) -> Settings:
    """
    Build settings: keywords override the environment, which overrides its default profile.

    Args:
        environ: The variables; `CREDICORP_PROFILE` names the default profile.
        keywords: The caller's settings.
        needs_secret: False for a caller that only verifies; `discovery` then defaults to `on`.
    """
    defaults = _defaults(needs_secret=needs_secret)
    return Settings(**{**defaults, **merge_sources(sources_of_env(environ), keywords)})


def _defaults(*, needs_secret: bool) -> dict[str, Any]:
    return {} if needs_secret else {"discovery": "on"}


def settings_from_profile(
    name: str | None,
    environ: Mapping[str, str],
    keywords: Mapping[str, Any],
    *,
    needs_secret: bool = True,
) -> Settings:
    """
    Build settings: keywords override the environment, which overrides the profile.

    Args:
        name: The profile; None for the one that `CREDICORP_PROFILE` names.
        environ: The variables; those for id, secret and addresses are ignored.
        keywords: The caller's settings.
        needs_secret: False for a caller that only verifies; `discovery` then defaults to `on`.
    """
    name = name or environ.get(PROFILE_VARIABLE, "").strip()
    if not name:
        raise MissingSetting("no profile was named", hint=f"name one, or set {PROFILE_VARIABLE}.")
    defaults = _defaults(needs_secret=needs_secret)
    merged = {**defaults, **merge_sources(sources_of_profile(name, environ), keywords)}
    if needs_secret and "client_secret" not in merged and "secrets" not in merged:
        raise MissingSetting(
            f"profile {name!r} gives neither client_secret nor secrets",
            hint="name a secret source in the profile, or put the secret there and chmod 600 it.",
        )
    return Settings(**merged)


def settings_of(profile: str | None, environ: Mapping[str, str], **keywords: Any) -> Settings:
    """Build settings from a profile, or from the environment if the profile is None."""
    if profile is None:
        return settings_from_env(environ, keywords)
    return settings_from_profile(profile, environ, keywords)


def build_client(settings: Settings) -> Client:
    """Build the client from the settings."""
    return Client(
        settings.client_id,
        TokenRequest(
            settings.token_url,
            settings.client_authentication,
            settings.scope,
            settings.resource,
            settings.request_audience,
            settings.extra_parameters,
        ),
        TokenPolicy(
            settings.assumed_lifetime,
            settings.max_lifetime,
            accept_narrowed_scope=settings.narrowed_scope == "accept",
        ),
        WindowPolicy(settings.refresh_lead, settings.expiry_margin),
    )


def build_engine(
    settings: Settings, *, registry: Registry | None = None, clock: Clock | None = None
) -> TokenEngine:
    """
    Build an engine.

    Args:
        settings: The user's settings.
        registry: The adapters; by default the installed ones that `CREDICORP_PLUGINS` allows. That
            variable belongs to the operator, so no setting of the caller overrides it.
        clock: The clocks; a test may pass its own.

    Raises:
        ConfigurationError: A setting is missing, or an adapter cannot be loaded.
    """
    return build_engines(settings, registry=registry, clock=clock).tokens


class Engines(NamedTuple):
    """
    Engines of a `CredicorpAuth`.

    Args:
        tokens: Obtains and caches tokens.
        verifier: Verifies tokens; None if no issuer is set.
        queries: Introspects and revokes tokens.
    """

    tokens: TokenEngine
    verifier: VerifierEngine | None
    queries: TokenQueries


def build_engines(
    settings: Settings, *, registry: Registry | None = None, clock: Clock | None = None
) -> Engines:
    """Build all engines; see `build_engine`."""
    registry = registry or operators_registry(os.environ)
    clock = clock or Clock()
    observers = [load_observer(registry, each) for each in settings.observers]
    transport = load_adapter(registry, TRANSPORT, settings.transport, settings.transport_options)
    carrier, verifier, discovery = transport[0], None, None
    if settings.issuer is not None or settings.discovery != "off":
        from credicorp_auth.wiring import issuer as issuer_wiring  # noqa: PLC0415 - only to verify or discover

        # `runtime` is assigned below, before the first event is emitted.
        emitter = EventEmitter(observers, lambda: runtime.known_secrets())  # noqa: PLW0108
        anonymous_runtime = AnonymousRuntime(transport, emitter, clock)
        discovery = issuer_wiring.build_discovery(settings, anonymous_runtime)
        carrier = issuer_wiring.with_discovery(carrier, settings, discovery, anonymous_runtime)
        if settings.issuer is not None:
            verifier = issuer_wiring.build_verifier(settings, anonymous_runtime, discovery)

    def emit(name: str, **fields: str | float | None) -> None:
        runtime.emit(name, **fields)  # assigned below, before the first event is emitted

    cache, owner = load_adapter(registry, CACHE, settings.cache, settings.cache_options)
    if not cache.capabilities.local:
        cache = GuardedCache(cache, owner, seconds=settings.cache_timeout, emit=emit)
    source, provider = load_secret_source(settings, registry)
    if not (source.capabilities.local or isinstance(source, StaticSecret)):
        source = GuardedSecretSource(source, provider, emit=emit)
    credentials = CredentialCache(source, provider, settings.client_id, clock)
    runtime = ServerRuntime(
        build_client(settings),
        transport=(carrier, transport[1]),
        cache=(cache, owner),
        cache_timeout=settings.cache_timeout,
        credentials=credentials,
        cipher=_cipher(cache.capabilities.encryption_key, credentials, clock),
        observers=observers,
        clock=clock,
        locator=EndpointLocator(
            discovery if discovery and settings.discovers("token_url") else settings.token_url,
            "token_endpoint",
            settings.source_of("token_url"),
        ),
    )
    tokens = TokenEngine(
        build_client(settings), runtime, timeout=settings.timeout, max_entries=settings.max_entries
    )
    return Engines(tokens, verifier, TokenQueries(settings, runtime, discovery, tokens))


def build_anonymous_runtime(settings: Settings, *, clock: Clock | None = None) -> AnonymousRuntime:
    """Build the runtime for work that needs no secret; see `build_engine`."""
    registry = operators_registry(os.environ)
    transport = load_adapter(registry, TRANSPORT, settings.transport, settings.transport_options)
    observers = [load_observer(registry, each) for each in settings.observers]
    return AnonymousRuntime(transport, EventEmitter(observers), clock or Clock())


def open_listing_cache(settings: Settings) -> tuple[ListingCache, Provider]:
    """
    Open the cache that the settings name, for an operator.

    Raises:
        ConfigurationError: The cache cannot be loaded, or does not list its entries.
    """
    registry = operators_registry(os.environ)
    cache, provider = load_adapter(registry, CACHE, settings.cache, settings.cache_options)
    if not cache.capabilities.lists:
        raise InvalidSetting(
            f"cache {provider} cannot list its entries",
            hint="name a cache that outlives its process, such as file or redis.",
        )
    return cache, provider


def _cipher(
    key: str | Secret | None, credentials: CredentialCache, clock: Clock
) -> EntryCipher | None:
    if key is None:
        return None
    from credicorp_auth.engine.storage import encryption  # noqa: PLC0415 - only to encrypt
    from credicorp_auth.engine.storage.encryption_keys import SourceEncryptionKeys  # noqa: PLC0415 - the same

    if isinstance(key, Secret):
        return encryption.EntryCipher(encryption.StaticKeys(encryption.read_encryption_keys(key)))
    if isinstance(credentials.source, StaticSecret):
        raise InvalidSetting(
            f"`encryption_key` names the field {key!r}, and no secret source is set to have it",
            code="config.encryption_key",
            hint="pass the key itself as Secret(...), or name a secret source.",
        )
    return encryption.EntryCipher(SourceEncryptionKeys(credentials, key, clock))
