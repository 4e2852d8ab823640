"""Settings schema: validates every setting before anything is built."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import Attribute, Converter, Factory, field, frozen

from credicorp_auth.plugin.api.option_values import read_choice, read_count, read_seconds
from credicorp_auth.plugin.api.options import unknown_key
from credicorp_auth.settings import values
from credicorp_auth.settings.keywords import DEFAULTS, TakesSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.events import Event
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.plugin.api import Cache, SecretSource, Transport
    from credicorp_auth.plugin.api.options import AdapterOptions

SETTING_NAMES: Final = tuple(DEFAULTS)
"""The names of all settings, which keywords, variables and profiles share."""

_STATED: Final = {name: default for name, default in DEFAULTS.items() if default is not None}


def _setting(read: Callable[[str, Any], Any], **default: Any) -> Any:  # noqa: ANN401 - as attrs types `field`
    """Declare a setting: the reader of its values, and a default that `TakesSettings` lacks."""

    def convert(value: object, own: Attribute[Any]) -> object:
        return None if value is None else read(own.name, value)

    return field(converter=Converter(convert, takes_field=True), **default)


_PATHS: Final = {
    "token_url": "/oauth/token",
    "jwks_url": "/oauth/jwks",
    "introspection_url": "/oauth/introspect",
    "revocation_url": "/oauth/revoke",
}


def _endpoint(name: str) -> Any:  # noqa: ANN401 - as attrs types `field`
    # With discovery, the metadata address is a placeholder for the endpoint that it will name.
    def find(settings: Settings) -> str:
        found = settings.discovery == "off"
        return f"{settings.base_url}{_PATHS[name]}" if found else settings.metadata_url

    return _setting(values.address, default=Factory(find, takes_self=True))


@frozen(init=False, kw_only=True)
class Settings(TakesSettings):
    """
    All user settings, validated.

    Each keyword is described below, and in docs/reference/settings.md. Invalid values are rejected
    before anything is built, so that no request is needed to detect a wrong address or scope.

    .. versionadded:: 1.0.0
    """

    # `TakesSettings` has the defaults of those that have none here.
    base_url: str = _setting(values.url)
    issuer: str | None = _setting(values.address, default=None)
    discovery: str = _setting(partial(read_choice, choices=("off", "on", "oidc")))
    token_url: str = _endpoint("token_url")
    jwks_url: str = _endpoint("jwks_url")
    introspection_url: str = _endpoint("introspection_url")
    revocation_url: str = _endpoint("revocation_url")
    audience: str | None = _setting(values.text, default=None)
    algorithms: tuple[str, ...] = _setting(values.algorithms)
    # Beyond 5 minutes, expired tokens would be accepted.
    leeway: float = _setting(partial(read_seconds, least=0.0, most=300.0))
    endpoint_origins: frozenset[str] = _setting(values.origins)
    client_id: str | None = _setting(values.client_id, default=None)
    client_secret: Secret | None = _setting(values.credential, default=None)
    client_authentication: str = _setting(values.authentication)
    scope: Scope = _setting(values.scope, default=())
    resource: tuple[str, ...] = _setting(values.resources)
    request_audience: str | None = _setting(values.text, default=None)
    extra_parameters: tuple[tuple[str, Secret], ...] = _setting(values.parameters, default=())
    transport: str | Transport = _setting(values.adapter)
    transport_options: AdapterOptions = _setting(values.options, factory=dict)
    cache: str | Cache = _setting(values.adapter)
    cache_options: AdapterOptions = _setting(values.options, factory=dict)
    secrets: str | SecretSource | None = _setting(values.adapter, default=None)
    secrets_options: AdapterOptions = _setting(values.options, factory=dict)
    allowed_origins: frozenset[str] = _setting(
        values.origins, default=Factory(lambda settings: [settings.base_url], takes_self=True)
    )
    refresh_lead: float = _setting(partial(read_seconds, least=0.0))
    expiry_margin: float = _setting(partial(read_seconds, least=0.0))
    assumed_lifetime: float = _setting(partial(read_seconds, least=1.0))
    max_lifetime: float = _setting(partial(read_seconds, least=1.0))
    timeout: float = _setting(partial(read_seconds, least=0.001))
    cache_timeout: float = _setting(partial(read_seconds, least=0.001))
    narrowed_scope: str = _setting(partial(read_choice, choices=("refuse", "accept")))
    introspection_audience: str = _setting(partial(read_choice, choices=("if_present", "required")))
    # The default scope's entry is never evicted, so 1 would leave no room. An entry takes 3 KiB.
    max_entries: int = _setting(partial(read_count, least=2, most=1_048_576))
    observers: tuple[str | Callable[[Event], object], ...] = _setting(values.words)

    def _take(self, settings: dict[str, Any]) -> None:
        given = {name: value for name, value in settings.items() if value is not None}
        for name in given:
            if name not in DEFAULTS:
                raise unknown_key(name, list(SETTING_NAMES), where="Settings")
        self.__attrs_init__(**{**_STATED, **given})

    @property
    def expected_issuer(self) -> str:
        """The issuer whose metadata is read: `issuer`, else the origin of `base_url`."""
        scheme, _, rest = self.base_url.partition("://")
        return self.issuer or f"{scheme}://{rest.partition('/')[0].partition('?')[0]}"

    @property
    def metadata_url(self) -> str:
        """The address of the metadata, and the placeholder for a discovered endpoint."""
        from credicorp_auth.oauth.metadata import well_known_url  # noqa: PLC0415 - only to discover

        return well_known_url(self.expected_issuer, oidc=self.discovery == "oidc")

    @property
    def known_secrets(self) -> tuple[Secret, ...]:
        """The credentials that the settings themselves hold."""
        secret = () if self.client_secret is None else (self.client_secret,)
        return (*secret, *(value for _, value in self.extra_parameters))

    def discovers(self, endpoint: str) -> bool:
        """
        Return whether an endpoint is read from the issuer's metadata.

        Args:
            endpoint: The setting of its address, such as `token_url`.
        """
        return self.discovery != "off" and getattr(self, endpoint) == self.metadata_url

    def source_of(self, endpoint: str) -> str:
        """
        Return the source of an endpoint's address, for hints.

        Args:
            endpoint: The setting of its address, such as `token_url`.
        """
        if self.discovers(endpoint):
            return f"the metadata at {self.metadata_url}"
        below_base = getattr(self, endpoint) == f"{self.base_url}{_PATHS[endpoint]}"
        return f"`base_url` with {_PATHS[endpoint]}" if below_base else f"`{endpoint}`"

    if TYPE_CHECKING:

        def __attrs_init__(self, **settings: object) -> None: ...
