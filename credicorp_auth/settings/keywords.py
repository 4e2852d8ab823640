"""
Keywords of all settings: their types, units, defaults and meanings, in one place.

Editors and type checkers read the declaration below, `help` prints it, `Settings` takes its
defaults, and `tools/settings_page.py` writes docs/reference/settings.md from it
(docs/decisions/0044).
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar, cast

from credicorp_auth.jose.signature_algorithm import DEFAULT_ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from credicorp_auth.events import Event
    from credicorp_auth.http.secret import Secret
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.plugin.api import Cache, SecretSource, Transport

FunctionT = TypeVar("FunctionT")


class SettingsKeywords(TypedDict, total=False):
    """The keywords of `TakesSettings`, for methods that have others as well."""

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
    extra_parameters: Mapping[str, str | Secret] | str | Secret | None
    transport: str | Transport
    transport_options: Mapping[str, Any] | None
    cache: str | Cache
    cache_options: Mapping[str, Any] | None
    secrets: str | SecretSource | None
    secrets_options: Mapping[str, Any] | None
    allowed_origins: str | Iterable[str] | None
    refresh_lead: float
    expiry_margin: float
    assumed_lifetime: float
    max_lifetime: float
    timeout: float
    cache_timeout: float
    narrowed_scope: str
    introspection_audience: str
    max_entries: int
    observers: str | Iterable[str | Callable[[Event], object]]


def _declaration(declared: FunctionT) -> FunctionT:
    """
    Turn a declared signature into a method that hands the given keywords to `_take`.

    `_take` so learns which settings were given, and an unknown one is an `InvalidSetting` that
    names the nearest, as it is in a profile or a variable.
    """

    @wraps(cast("Callable[..., None]", declared))
    def init(self: TakesSettings, **settings: Any) -> None:
        self._take(settings)  # pyright: ignore[reportPrivateUsage] # becomes a method of it

    return cast("FunctionT", init)


class TakesSettings:
    """Base of the classes that are built from settings as keywords."""

    __slots__ = ()

    @_declaration
    def __init__(
        self,
        *,
        base_url: str = "https://hub.credicorp.co.uk/partner/v1",
        issuer: str | None = None,
        discovery: str = "off",
        token_url: str | None = None,
        jwks_url: str | None = None,
        introspection_url: str | None = None,
        revocation_url: str | None = None,
        audience: str | None = None,
        algorithms: str | Iterable[str] = DEFAULT_ALGORITHMS,
        leeway: float = 60.0,
        endpoint_origins: str | Iterable[str] = (),
        client_id: str | None = None,
        client_secret: Secret | str | None = None,
        client_authentication: str = "client_secret_post",
        scope: Scope | str | Iterable[str] | None = None,
        resource: str | Iterable[str] = (),
        request_audience: str | None = None,
        extra_parameters: Mapping[str, str | Secret] | str | Secret | None = None,
        transport: str | Transport = "urllib3",
        transport_options: Mapping[str, Any] | None = None,
        cache: str | Cache = "memory",
        cache_options: Mapping[str, Any] | None = None,
        secrets: str | SecretSource | None = None,
        secrets_options: Mapping[str, Any] | None = None,
        allowed_origins: str | Iterable[str] | None = None,
        refresh_lead: float = 300.0,
        expiry_margin: float = 30.0,
        assumed_lifetime: float = 300.0,
        max_lifetime: float = 86_400.0,
        timeout: float = 10.0,
        cache_timeout: float = 1.0,
        narrowed_scope: str = "refuse",
        introspection_audience: str = "if_present",
        max_entries: int = 16_384,
        observers: str | Iterable[str | Callable[[Event], object]] = (),
    ) -> None:
        """
        Build from keywords. None is the same as leaving a setting out.

        Args:
            base_url (address; default: `https://hub.credicorp.co.uk/partner/v1`): Where the API is.
                `token_url` and `allowed_origins` follow from it.
            issuer (address; default: none): The issuer of tokens that are verified, whose metadata
                is read. Compared with the `iss` claim character by character.
            discovery (`off`, `on` or `oidc`; default: `off`): Whether endpoints that are not set
                are read from the issuer's metadata (`on`: RFC 8414; `oidc`: OpenID Connect
                Discovery). Without `issuer`, the metadata is read at the origin of `base_url`.
                `TokenVerifier(…)` defaults to `on`.
            token_url (address; default: `base_url` and `/oauth/token`, or discovered): Where tokens
                are minted.
            jwks_url (address; default: `base_url` and `/oauth/jwks`, or discovered): Where the
                issuer's keys are.
            introspection_url (address; default: `base_url` and `/oauth/introspect`, or discovered):
                Introspection endpoint (RFC 7662).
            revocation_url (address; default: `base_url` and `/oauth/revoke`, or discovered):
                Revocation endpoint (RFC 7009).
            audience (text; default: none): The audience that a verified token must have in `aud`;
                also that of an introspected token, if the response names one.
            algorithms (list of names; default: RS256, PS256, ES256, Ed25519, EdDSA): Accepted
                signature algorithms of tokens. The variants with 384 and 512 can be added; HMAC
                cannot. A key without `alg` is used with the first algorithm in the list that fits
                it.
            leeway (seconds, at most 300; default: `60`): Allowed difference between the issuer's
                clock and ours.
            endpoint_origins (list of addresses; default: none): Origins at which discovered
                endpoints are accepted, besides those of `issuer` and `base_url`. The client secret
                is sent there.
            client_id (text; default: from the secret source): The client id.
            client_secret (text or `Secret`; default: from the secret source): The client secret.
                The variable is read by the secret source `env`, when a token is minted.
            client_authentication (method; default: `client_secret_post`): How the client
                authenticates (RFC 6749 section 2.3.1). `client_secret_post` sends the secret in the
                body, `client_secret_basic` in a Basic header.
            scope (scope tokens, separated by spaces; default: the empty scope): The scope of calls
                that name none. Empty: no scope is requested, and the server chooses.
            resource (list of addresses; default: none): Resource indicators (RFC 8707).
            request_audience (text; default: none): The `audience` parameter of the token request,
                which some servers use.
            extra_parameters (mapping of text or `Secret`; default: none): Additional form fields of
                the token request. Values are opaque: no `repr`, message, event or log shows them,
                unless one is part of the client id, the token endpoint's address or the scope.
                Names that OAuth reserves are refused, in upper or lower case: those that have a
                setting (`scope`, `resource`, `client_id` …; for `audience` use `request_audience`)
                and those of other grants (`assertion`, `code`, `username` …).
            transport (name or object; default: `urllib3`): HTTP stack for token requests.
            transport_options (mapping; default: none): Options for it.
            cache (name or object; default: `memory`): Token cache.
            cache_options (mapping; default: none): Options for it.
            secrets (name or object; default: `env`, if no `client_secret` is given): Where id and
                secret are read. Not together with `client_secret`.
            secrets_options (mapping; default: none): Options for it.
            allowed_origins (list of addresses; default: the origin of `base_url`): Origins to which
                a token may be sent. No wildcards. Setting it replaces the default.
            refresh_lead (seconds; default: `300`): How long before expiry the next token is fetched
                in the background; a quarter of the lifetime at most.
            expiry_margin (seconds; default: `30`): How long before expiry callers wait for the next
                token; a tenth of the lifetime at most.
            assumed_lifetime (seconds, at least 1; default: `300`): Lifetime of a token whose
                `expires_in` is missing.
            max_lifetime (seconds, at least 1; default: `86400`): A longer `expires_in` is cut to
                this.
            timeout (seconds, at least 0.001; default: `10`): Total time to obtain one token:
                cooldowns, secret source and every attempt. Also the longest that any caller waits.
            cache_timeout (seconds, at least 0.001; default: `1`): How long the cache may delay a
                call. One that takes longer is not used until it is well again.
            narrowed_scope (`refuse` or `accept`; default: `refuse`): What to do with a token that
                has less scope than requested.
            introspection_audience (`if_present` or `required`; default: `if_present`): What to do
                with an introspection response that names no audience: `required` refuses it, unless
                the token was verified locally before. It needs `audience`.
            max_entries (whole number, 2 to 1048576; default: `16384`): How many scope sets are held
                in memory at once, including the default scope; the least recently used is evicted.
                Each takes about 3 KiB.
            observers (functions, or names of installed observers; default: none): Called with each
                event, on the thread that emits it.

        Raises:
            InvalidSetting: A value is invalid; the message names the setting, and the hint the
                remedy.
        """

    def _take(self, settings: dict[str, Any]) -> None:
        raise NotImplementedError


# What `wraps` copied; `inspect.signature` would load ten modules.
DEFAULTS: Final[Mapping[str, Any]] = vars(TakesSettings.__init__)["__wrapped__"].__kwdefaults__
"""The names of all settings, and the default of each; None if it has none or is derived."""
