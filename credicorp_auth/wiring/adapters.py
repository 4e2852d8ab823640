"""Adapters that the settings choose, loaded from the installed ones that the operator allows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from credicorp_auth.engine.storage.static_secret import StaticSecret
from credicorp_auth.errors import InvalidSetting, MissingSetting
from credicorp_auth.plugin.api import Provider
from credicorp_auth.plugin.api.options import secrets_held_by
from credicorp_auth.plugin.loading.installed import read_allowlist
from credicorp_auth.plugin.loading.kinds import CACHE, OBSERVER, SECRET_SOURCE, TRANSPORT, Kind
from credicorp_auth.plugin.loading.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credicorp_auth.events import Event
    from credicorp_auth.plugin.api.options import AdapterOptions
    from credicorp_auth.settings.schema import Settings


def operators_registry(environ: Mapping[str, str]) -> Registry:
    """Build a registry with the operator's allowlist `CREDICORP_PLUGINS`."""
    return Registry(allowed=read_allowlist(environ))


def adapters_of(settings: Settings) -> list[tuple[Kind, str]]:
    """Return the kind and name of each adapter that the settings choose by name."""
    secrets = settings.secrets or ("env" if settings.client_secret is None else None)
    chosen: list[tuple[Kind, object]] = [
        (TRANSPORT, settings.transport),
        (CACHE, settings.cache),
        (SECRET_SOURCE, secrets),
        *((OBSERVER, each) for each in settings.observers),
    ]
    return [(kind, name) for kind, name in chosen if isinstance(name, str)]


def load_adapter(
    registry: Registry, kind: Kind, chosen: object, options: AdapterOptions
) -> tuple[Any, Provider]:
    """
    Load an adapter by name, or check a caller's own.

    Args:
        registry: The installed adapters.
        kind: Kind of the adapter.
        chosen: Its name, or an object that implements the port.
        options: Its options; a caller's own object takes none.

    Raises:
        ConfigurationError: It cannot be loaded, or the object does not implement the port.
    """
    if isinstance(chosen, str):
        return registry.load(kind, chosen, options)
    if not isinstance(chosen, kind.port):
        raise InvalidSetting(
            f"{type(chosen).__name__} is not a {kind.name}",
            hint="pass the name of an adapter, or an object that has every method of its port.",
        )
    return chosen, Provider(type(chosen).__name__, secrets=partial(secrets_held_by, chosen))


def load_secret_source(settings: Settings, registry: Registry) -> tuple[Any, Provider]:
    """Load the secret source; a client secret among the settings is one, too."""
    secret = settings.client_secret
    if secret is None:
        return load_adapter(
            registry, SECRET_SOURCE, settings.secrets or "env", settings.secrets_options
        )
    if settings.secrets is not None:
        raise InvalidSetting(
            "both `client_secret` and `secrets` are set",
            code="config.secret_source",
            hint="leave one of them out.",
        )
    if settings.client_id is None:
        raise MissingSetting(
            "`client_secret` is set, and `client_id` is not", hint="set `client_id`."
        )
    return StaticSecret(secret), Provider("settings", secrets=lambda: (secret,))


def load_observer(registry: Registry, chosen: Any) -> Callable[[Event], object]:  # noqa: ANN401 - any object that can be called
    """Load an observer by name, or check a caller's own."""
    if isinstance(chosen, str):
        return registry.load_observer(chosen)
    if callable(chosen):
        return chosen  # type: ignore[no-any-return] # anything that can be called will do
    raise InvalidSetting(
        f"observer {type(chosen).__name__} cannot be called",
        hint="pass a function of one event, or the name of an installed observer.",
    )
