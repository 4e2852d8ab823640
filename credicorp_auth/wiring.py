"""Settings and adapters become an engine: the only module that knows both."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from attrs import frozen

from credicorp_auth.engine.addresses import EndpointLocator
from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.given_secret import GivenSecret
from credicorp_auth.engine.open_world import OpenWorld
from credicorp_auth.engine.real_world import RealWorld
from credicorp_auth.engine.seal import GivenKeys, Seal, read_sealing_keys
from credicorp_auth.engine.sealing_keys import SealingKeys
from credicorp_auth.engine.secret_keeper import SecretKeeper
from credicorp_auth.engine.teller import Teller
from credicorp_auth.engine.token_engine import TokenEngine
from credicorp_auth.environment import PLUGINS_VARIABLE, PROFILE_VARIABLE
from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.inquiry_wiring import build_introspector, build_revoker
from credicorp_auth.layers import layers_of_env, layers_of_profile, merge_layers
from credicorp_auth.lifecycle.client import Client
from credicorp_auth.lifecycle.windows import WindowPolicy
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.token_endpoint import TokenPolicy, TokenRequest
from credicorp_auth.ports import Provider
from credicorp_auth.registry import (
    CACHE,
    SECRET_SOURCE,
    TRANSPORT,
    Kind,
    Registry,
)
from credicorp_auth.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credicorp_auth.engine.introspector import Introspector
    from credicorp_auth.engine.revoker import Revoker
    from credicorp_auth.engine.verifier_engine import VerifierEngine
    from credicorp_auth.events import Event
    from credicorp_auth.options import AdapterOptions
    from credicorp_auth.ports import ListingCache


def settings_from_env(
    environ: Mapping[str, str], keywords: Mapping[str, Any], *, needs_secret: bool = True
) -> Settings:
    """
    Build settings: keywords first, then the environment, then its default profile.

    Args:
        environ: The variables; `CREDICORP_PROFILE` names a profile to start from.
        keywords: What the caller gave.
        needs_secret: False for what only verifies: it discovers where nothing else is set.
    """
    defaults = _defaults(needs_secret=needs_secret)
    return Settings(**{**defaults, **merge_layers(layers_of_env(environ)), **keywords})


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
    Build settings: keywords first, then the environment, then the profile.

    Args:
        name: The profile; None for the one that `CREDICORP_PROFILE` names.
        environ: The variables; those for id, secret and addresses are left aside.
        keywords: What the caller gave.
        needs_secret: False for what only verifies: it discovers where nothing else is set.
    """
    name = name or environ.get(PROFILE_VARIABLE)
    if not name:
        raise MissingSetting("no profile was named", cure=f"name one, or set {PROFILE_VARIABLE}.")
    defaults = _defaults(needs_secret=needs_secret)
    merged = {**defaults, **merge_layers(layers_of_profile(name, environ)), **keywords}
    if needs_secret and "client_secret" not in merged and "secrets" not in merged:
        raise MissingSetting(
            f"profile {name!r} gives neither client_secret nor secrets",
            cure="name a secret source in the profile, or put the secret there and chmod 600 it.",
        )
    return Settings(**merged)


def settings_of(profile: str | None, environ: Mapping[str, str], **keywords: Any) -> Settings:
    """Build settings of a profile, or of the environment where none is named."""
    if profile is None:
        return settings_from_env(environ, keywords)
    return settings_from_profile(profile, environ, keywords)


def operators_registry(environ: Mapping[str, str]) -> Registry:
    """Build the registry that an operator's `CREDICORP_PLUGINS` allows."""
    allowed = environ.get(PLUGINS_VARIABLE)
    return Registry(allowed=None if allowed is None else allowed.replace(",", " ").split())


def build_client(settings: Settings) -> Client:
    """Build the client that settings describe."""
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
        settings: What the user set.
        registry: Where adapters are found; the installed ones when not given. The operator's
            `CREDICORP_PLUGINS` is not a setting of the caller's: it always applies.
        clock: The clocks; a test may move them.

    Raises:
        ConfigurationError: A setting is missing, or an adapter cannot be had.
    """
    return build_engines(settings, registry=registry, clock=clock).tokens


@frozen(eq=False)
class Engines:
    """
    What a `CredicorpAuth` is made of.

    Args:
        tokens: Keeps tokens.
        verifier: Verifies them; None where no issuer is set.
        introspector: Asks the server about them.
        revoker: Has the server revoke them.
    """

    tokens: TokenEngine
    verifier: VerifierEngine | None
    introspector: Introspector
    revoker: Revoker


def build_engines(
    settings: Settings, *, registry: Registry | None = None, clock: Clock | None = None
) -> Engines:
    """Build an engine, and what stands beside it; see `build_engine`."""
    registry = registry or operators_registry(os.environ)
    clock = clock or Clock()
    observers = [_observer(registry, each) for each in settings.observers]
    transport = _adapter(registry, TRANSPORT, settings.transport, settings.transport_options)
    carrier, verifier, discovery = transport[0], None, None
    if settings.issuer is not None or settings.discovery != "off":
        from credicorp_auth import issuer_wiring  # noqa: PLC0415 - for those who verify or discover

        # The world is built below, when there is something to tell.
        teller = Teller(observers, lambda: world.known_secrets())  # noqa: PLW0108
        open_world = OpenWorld(transport, teller, clock)
        discovery = issuer_wiring.build_discovery(settings, open_world)
        carrier = issuer_wiring.with_discovery(carrier, settings, discovery, open_world)
        if settings.issuer is not None:
            verifier = issuer_wiring.build_verifier(settings, open_world, discovery)
    cache = _adapter(registry, CACHE, settings.cache, settings.cache_options)
    source, provider = _secret_source(settings, registry)
    keeper = SecretKeeper(source, provider, settings.client_id, clock)
    world = RealWorld(
        build_client(settings),
        transport=(carrier, transport[1]),
        cache=cache,
        keeper=keeper,
        seal=_seal(cache[0].capabilities.sealing_key, keeper, clock),
        observers=observers,
        clock=clock,
        locator=EndpointLocator(
            discovery if discovery and settings.discovers("token_url") else settings.token_url,
            "token_endpoint",
            settings.source_of("token_url"),
        ),
    )
    tokens = TokenEngine(
        build_client(settings), world, timeout=settings.timeout, max_entries=settings.max_entries
    )
    introspector = build_introspector(settings, world, discovery)
    revoker = build_revoker(settings, world, discovery, tokens, introspector)
    return Engines(tokens, verifier, introspector, revoker)


def build_open_world(
    settings: Settings, *, registry: Registry | None = None, clock: Clock | None = None
) -> OpenWorld:
    """Build the world of what needs no secret; see `build_engine`."""
    registry = registry or operators_registry(os.environ)
    transport = _adapter(registry, TRANSPORT, settings.transport, settings.transport_options)
    observers = [_observer(registry, each) for each in settings.observers]
    return OpenWorld(transport, Teller(observers), clock or Clock())


def open_listing_cache(
    settings: Settings, *, registry: Registry | None = None
) -> tuple[ListingCache, Provider]:
    """
    Open the cache that settings name, for an operator to look into.

    Raises:
        ConfigurationError: It cannot be had, or shows its entries to nobody.
    """
    registry = registry or operators_registry(os.environ)
    cache, provider = _adapter(registry, CACHE, settings.cache, settings.cache_options)
    if not cache.capabilities.lists:
        raise InvalidSetting(
            f"cache {provider} shows its entries to nobody",
            cure="name a cache that outlives its process, such as file or redis.",
        )
    return cache, provider


def _adapter(
    registry: Registry, kind: Kind, chosen: object, options: AdapterOptions
) -> tuple[Any, Provider]:
    if isinstance(chosen, str):
        return registry.load(kind, chosen, options)
    if not isinstance(chosen, kind.port):
        raise InvalidSetting(
            f"{type(chosen).__name__} is not a {kind.name}",
            cure="pass the name of an adapter, or an object that has every method of its port.",
        )
    return chosen, Provider(type(chosen).__name__)


def _secret_source(settings: Settings, registry: Registry) -> tuple[Any, Provider]:
    secret = settings.client_secret
    if secret is None:
        return _adapter(
            registry, SECRET_SOURCE, settings.secrets or "env", settings.secrets_options
        )
    if settings.secrets is not None:
        raise InvalidSetting(
            "both `client_secret` and `secrets` are set",
            code="config.secret_source",
            cure="leave one of them out.",
        )
    if settings.client_id is None:
        raise MissingSetting(
            "`client_secret` is set, and `client_id` is not", cure="set `client_id`."
        )
    return GivenSecret(secret), Provider("settings")


def _seal(key: str | Secret | None, keeper: SecretKeeper, clock: Clock) -> Seal | None:
    if key is None:
        return None
    if isinstance(key, Secret):
        return Seal(GivenKeys(read_sealing_keys(key)))
    if isinstance(keeper.source, GivenSecret):
        raise InvalidSetting(
            f"`sealing_key` names the field {key!r}, and no secret source is set to have it",
            code="config.sealing_key",
            cure="pass the key itself as Secret(...), or name a secret source.",
        )
    return Seal(SealingKeys(keeper, key, clock))


def _observer(registry: Registry, chosen: Any) -> Callable[[Event], object]:
    if isinstance(chosen, str):
        return registry.load_observer(chosen)
    if callable(chosen):
        return chosen  # type: ignore[no-any-return] # anything that can be called will do
    raise InvalidSetting(
        f"observer {type(chosen).__name__} cannot be called",
        cure="pass a function of one event, or the name of an installed observer.",
    )
