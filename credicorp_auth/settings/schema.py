"""Settings schema: validates every setting before anything is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from attrs import Factory, field, frozen

from credicorp_auth.http.messages import origin_of
from credicorp_auth.jose.signature_algorithm import DEFAULT_ALGORITHMS
from credicorp_auth.oauth.metadata import well_known_url
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.plugin.api.options import AdapterOptions, unknown_key
from credicorp_auth.settings.values import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from credicorp_auth.events import Event
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.plugin.api import Cache, SecretSource, Transport

DEFAULT_BASE_URL: Final = "https://hub.credicorp.co.uk/partner/v1"


class SettingsKeywords(TypedDict, total=False):
    """The keywords of `Settings` and `CredicorpAuth`, for type checkers."""

    base_url: str
    issuer: str | None
    discovery: str
    token_url: str | None
    jwks_url: str | None
    introspection_url: str | None
    revocation_url: str | None
    audience: str | None
    algorithms: str | Iterable[str]
    leeway: float
    endpoint_origins: str | Iterable[str]
    client_id: str | None
    client_secret: Secret | str | None
    client_authentication: str
    scope: Scope | str | Iterable[str] | None
    resource: str | Iterable[str]
    request_audience: str | None
    extra_parameters: Mapping[str, str | Secret] | str | Secret
    transport: str | Transport
    transport_options: Mapping[str, Any]
    cache: str | Cache
    cache_options: Mapping[str, Any]
    secrets: str | SecretSource | None
    secrets_options: Mapping[str, Any]
    allowed_origins: str | Iterable[str] | None
    refresh_lead: float
    expiry_margin: float
    assumed_lifetime: float
    max_lifetime: float
    timeout: float
    narrowed_scope: str
    introspection_audience: str
    max_entries: int
    observers: str | Iterable[str | Callable[[Event], object]]


SETTING_NAMES: Final = tuple(READERS)
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


@frozen(init=False)
class Settings:
    """
    All user settings, validated.

    `docs/reference/settings.md` describes each setting. Invalid values are rejected before anything
    is built, so that no request is needed to detect a wrong address or scope.

    Args:
        **settings: See `SettingsKeywords`; None is the same as leaving a setting out.

    Raises:
        InvalidSetting: A value is invalid; the message names the setting, and the hint the remedy.

    .. versionadded:: 1.0.0
    """

    base_url: str = DEFAULT_BASE_URL
    issuer: str | None = None
    discovery: str = "off"
    token_url: str = _endpoint("token_url")
    jwks_url: str = _endpoint("jwks_url")
    introspection_url: str = _endpoint("introspection_url")
    revocation_url: str = _endpoint("revocation_url")
    audience: str | None = None
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS
    leeway: float = 60.0
    endpoint_origins: frozenset[str] = frozenset()
    client_id: str | None = None
    client_secret: Secret | None = None
    client_authentication: str = "client_secret_post"
    scope: Scope = field(factory=Scope)
    resource: tuple[str, ...] = ()
    request_audience: str | None = None
    extra_parameters: tuple[tuple[str, Secret], ...] = ()
    transport: str | Transport = "urllib3"
    transport_options: AdapterOptions = _no_options("transport_options")
    cache: str | Cache = "memory"
    cache_options: AdapterOptions = _no_options("cache_options")
    secrets: str | SecretSource | None = None
    secrets_options: AdapterOptions = _no_options("secrets_options")
    allowed_origins: frozenset[str] = field(
        default=Factory(lambda settings: frozenset({origin_of(settings.base_url)}), takes_self=True)
    )
    refresh_lead: float = 300.0
    expiry_margin: float = 30.0
    assumed_lifetime: float = 300.0
    max_lifetime: float = 86_400.0
    timeout: float = 10.0
    narrowed_scope: str = "refuse"
    introspection_audience: str = "if_present"
    max_entries: int = 16_384
    observers: tuple[str | Callable[[Event], object], ...] = ()

    def __init__(self, **settings: Unpack[SettingsKeywords]) -> None:
        read: dict[str, Any] = {}
        for name, value in settings.items():
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
