"""Settings schema: validates every setting before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import Factory, field, frozen

from credicorp_auth.http.messages import origin_of
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.plugin.api.options import AdapterOptions, unknown_key
from credicorp_auth.settings.keywords import DEFAULTS, TakesSettings
from credicorp_auth.settings.values import READERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.events import Event
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.plugin.api import Cache, SecretSource, Transport

SETTING_NAMES: Final = tuple(DEFAULTS)
"""The names of all settings, which keywords, variables and profiles share."""


def _no_options(name: str) -> Any:  # noqa: ANN401 - as attrs types `field`
    return field(factory=lambda: AdapterOptions({}, setting=name))


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

    return field(default=Factory(find, takes_self=True))


@frozen(init=False, kw_only=True)
class Settings(TakesSettings):
    """
    All user settings, validated.

    Each keyword is described below, and in docs/reference/settings.md. Invalid values are rejected
    before anything is built, so that no request is needed to detect a wrong address or scope.

    .. versionadded:: 1.0.0
    """

    # `TakesSettings` has the defaults of those that have none here.
    base_url: str
    issuer: str | None = None
    discovery: str
    token_url: str = _endpoint("token_url")
    jwks_url: str = _endpoint("jwks_url")
    introspection_url: str = _endpoint("introspection_url")
    revocation_url: str = _endpoint("revocation_url")
    audience: str | None = None
    algorithms: tuple[str, ...]
    leeway: float
    endpoint_origins: frozenset[str]
    client_id: str | None = None
    client_secret: Secret | None = None
    client_authentication: str
    scope: Scope = field(factory=Scope)
    resource: tuple[str, ...]
    request_audience: str | None = None
    extra_parameters: tuple[tuple[str, Secret], ...] = ()
    transport: str | Transport
    transport_options: AdapterOptions = _no_options("transport_options")
    cache: str | Cache
    cache_options: AdapterOptions = _no_options("cache_options")
    secrets: str | SecretSource | None = None
    secrets_options: AdapterOptions = _no_options("secrets_options")
    allowed_origins: frozenset[str] = field(
        default=Factory(lambda settings: frozenset({origin_of(settings.base_url)}), takes_self=True)
    )
    refresh_lead: float
    expiry_margin: float
    assumed_lifetime: float
    max_lifetime: float
    timeout: float
    narrowed_scope: str
    introspection_audience: str
    max_entries: int
    observers: tuple[str | Callable[[Event], object], ...]

    def _take(self, settings: dict[str, Any]) -> None:
        given = {name: value for name, value in settings.items() if value is not None}
        read: dict[str, Any] = {}
        for name, value in {**DEFAULTS, **given}.items():
            if name not in READERS:
                raise unknown_key(name, list(SETTING_NAMES), where="Settings")
            if value is not None:
                read[name] = READERS[name](name, value)
        self.__attrs_init__(**read)

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
