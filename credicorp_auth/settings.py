"""What a user can set, checked before anything is built from it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack, cast
from urllib.parse import parse_qsl

from attrs import Factory, field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.client_authentication import read_client_authentication
from credicorp_auth.oauth.http import may_carry_token, origin_of, read_url
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.secret import Secret
from credicorp_auth.oauth.signature_algorithm import DEFAULT_ALGORITHMS, read_algorithms
from credicorp_auth.oauth.token_endpoint import read_extra_parameters
from credicorp_auth.oauth.well_known import well_known_url
from credicorp_auth.options import AdapterOptions, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from credicorp_auth.events import Event
    from credicorp_auth.ports import Cache, SecretSource, Transport

DEFAULT_BASE_URL: Final = "https://hub.credicorp.co.uk/partner/v1"


class SettingsKeywords(TypedDict, total=False):
    """The keywords of `Settings` and `CredicorpAuth`, for type checkers."""

    base_url: str
    issuer: str | None
    discovery: str
    token_url: str | None
    jwks_url: str | None
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
    extra_parameters: Mapping[str, str] | str
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
    observers: str | Iterable[str | Callable[[Event], object]]


def _invalid(name: str, problem: str, cure: str) -> InvalidSetting:
    return InvalidSetting(f"`{name}` {problem}", cure=cure)


def _read_url(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _invalid(name, "is not text", "set it to an https address.")
    return read_url(value, name=name)


def _read_text(name: str, value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise _invalid(name, "is empty or not text", "set it to text, or leave it out.")


def _read_secret(name: str, value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(_read_text(name, value))


def _read_seconds(name: str, value: object) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    least, most = _LEAST_SECONDS.get(name, 0.0), _MOST_SECONDS.get(name, math.inf)
    if not least <= seconds <= most or math.isinf(seconds):
        problem = f"is not a number of seconds from {least:g} to {most:g}"
        raise _invalid(name, problem, "set it to a finite number of seconds.")
    return seconds


def _read_words(name: str, value: object) -> tuple[Any, ...]:
    try:
        words = value.replace(",", " ").split() if isinstance(value, str) else value
        return tuple(cast("Any", words))
    except TypeError:
        raise _invalid(
            name, "is not a list", "set it to a list, or to words in one text."
        ) from None


def _read_resources(name: str, value: object) -> tuple[str, ...]:
    # Sorted, since their order means nothing to a server and must not make another cache key.
    return tuple(sorted({_read_text(name, each) for each in _read_words(name, value)}))


def _read_origins(name: str, value: object) -> frozenset[str]:
    urls = [_read_text(name, each) for each in _read_words(name, value)]
    for url in urls:
        if not may_carry_token(url):
            raise InvalidSetting(
                f"`{name}` holds {ascii(url)[:80]}, where no token may go",
                code="config.insecure_url",
                cure="name https origins one by one, without wildcards.",
            )
    return frozenset(origin_of(url) for url in urls)


def _read_parameters(name: str, value: object) -> tuple[tuple[str, str], ...]:
    try:
        if isinstance(value, str):
            value = parse_qsl(value, keep_blank_values=True, strict_parsing=bool(value))
        parameters: dict[str, str] = dict(cast("Any", value))
    except (TypeError, ValueError):
        cure = "set it to a mapping, or to text such as name=value&name=value."
        raise _invalid(name, "is not a mapping of form fields", cure) from None
    return read_extra_parameters(parameters)


def _read_options(name: str, value: object) -> AdapterOptions:
    if isinstance(value, AdapterOptions):
        return value
    try:
        return AdapterOptions(dict(cast("Any", value)), setting=name)
    except (TypeError, ValueError):
        cure = "set it to a mapping of option names to values."
        raise _invalid(name, "is not a mapping", cure) from None


def _read_adapter(name: str, value: object) -> object:
    return _read_text(name, value) if isinstance(value, str) else value


def _read_choice(name: str, value: object) -> str:
    if value not in _CHOICES[name]:
        cure = f"choose one of {', '.join(_CHOICES[name])}."
        raise _invalid(name, f"is {ascii(value)[:60]}", cure)
    return str(value)


def _read_address(name: str, value: object) -> str:
    # Kept as it is spelt: issuers are compared by character, and to servers a last slash matters.
    if "?" in _read_url(name, value) and name == "issuer":
        raise _invalid(name, "has a query", "set it to the issuer identifier (RFC 8414).")
    return str(value)


def _read_algorithms(name: str, value: object) -> tuple[str, ...]:
    words = [_read_text(name, each) for each in _read_words(name, value)]
    return tuple(each.name for each in read_algorithms(words))


def _read_scope(_name: str, value: object) -> Scope:
    return Scope(cast("Any", value))


_CHOICES: Final = {"discovery": ("off", "on", "oidc"), "narrowed_scope": ("refuse", "accept")}
_LEAST_SECONDS: Final = {"assumed_lifetime": 1.0, "max_lifetime": 1.0, "timeout": 0.001}
_MOST_SECONDS: Final = {"leeway": 300.0}  # beyond, expired tokens would be taken for good ones

_READERS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "base_url": _read_url,
    "issuer": _read_address,
    "discovery": _read_choice,
    "token_url": _read_address,
    "jwks_url": _read_address,
    "audience": _read_text,
    "algorithms": _read_algorithms,
    "leeway": _read_seconds,
    "endpoint_origins": _read_origins,
    "client_id": _read_text,
    "client_secret": _read_secret,
    "client_authentication": lambda n, value: read_client_authentication(_read_text(n, value)),
    "scope": _read_scope,
    "resource": _read_resources,
    "request_audience": _read_text,
    "extra_parameters": _read_parameters,
    "transport": _read_adapter,
    "transport_options": _read_options,
    "cache": _read_adapter,
    "cache_options": _read_options,
    "secrets": _read_adapter,
    "secrets_options": _read_options,
    "allowed_origins": _read_origins,
    "refresh_lead": _read_seconds,
    "expiry_margin": _read_seconds,
    "assumed_lifetime": _read_seconds,
    "max_lifetime": _read_seconds,
    "timeout": _read_seconds,
    "narrowed_scope": _read_choice,
    "observers": _read_words,
}

SETTING_NAMES: Final = tuple(_READERS)
"""Every setting, by the one name it has in keywords, variables and profiles."""


def _no_options(name: str) -> Any:  # noqa: ANN401 - as attrs types `field`
    return field(factory=lambda: AdapterOptions({}, setting=name))


def _endpoint(path: str) -> Any:  # noqa: ANN401 - as attrs types `field`
    # With discovery, the address of the metadata stands for what is going to be read there.
    def find(settings: Settings) -> str:
        found = settings.discovery == "off"
        return f"{settings.base_url}{path}" if found else settings.metadata_url

    return field(default=Factory(find, takes_self=True))


@frozen(init=False)
class Settings:
    """
    Everything a user can set, checked.

    `docs/reference/settings.md` says what each setting means. Values that cannot work are refused
    here, before anything is built: a wrong address or scope is never found out by a request.

    Args:
        **settings: See `SettingsKeywords`; None is the same as leaving a setting out.

    Raises:
        InvalidSetting: A value cannot be used; the message names the setting and the cure.

    .. versionadded:: 1.0.0
    """

    base_url: str = DEFAULT_BASE_URL
    issuer: str | None = None
    discovery: str = "off"
    token_url: str = _endpoint("/oauth/token")
    jwks_url: str = _endpoint("/oauth/jwks")
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
    extra_parameters: tuple[tuple[str, str], ...] = ()
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
    observers: tuple[str | Callable[[Event], object], ...] = ()

    def __init__(self, **settings: Unpack[SettingsKeywords]) -> None:
        read: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in _READERS:
                raise unknown_key(name, list(SETTING_NAMES), where="Settings")
            if value is not None:
                read[name] = _READERS[name](name, value)
        self.__attrs_init__(**read)

    @property
    def expected_issuer(self) -> str:
        """The issuer whose metadata are read: `issuer`, else the origin of `base_url`."""
        scheme, _, rest = self.base_url.partition("://")
        return self.issuer or f"{scheme}://{rest.partition('/')[0].partition('?')[0]}"

    @property
    def metadata_url(self) -> str:
        """Where metadata are read, and what stands for an endpoint that is discovered."""
        return well_known_url(self.expected_issuer, oidc=self.discovery == "oidc")

    if TYPE_CHECKING:

        def __attrs_init__(self, **settings: object) -> None: ...
