"""`CredicorpAuth`: the token client that an application creates once and shares."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Self

from credicorp_auth.bearer.call import BearerCall
from credicorp_auth.engine.clock import boot_time
from credicorp_auth.engine.closeable import Closeable
from credicorp_auth.engine.keys.verifying import NoVerifier, VerifiesTokens
from credicorp_auth.engine.tokens.token_source import TokenSource
from credicorp_auth.http.allowed_origins import AllowedOrigins
from credicorp_auth.settings.keywords import TakesSettings
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engines, settings_from_env, settings_from_profile

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Unpack

    from credicorp_auth.bearer.call import RequestNames
    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.oauth.introspection import Introspection
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken
    from credicorp_auth.settings.keywords import SettingsKeywords


class CredicorpAuth(TakesSettings, VerifiesTokens, Closeable):
    """
    Obtains, caches and refreshes the access tokens of one OAuth client (RFC 6749 section 4.4).

    It is thread-safe and works with event loops; all callers share one token per scope, and one
    request for it. It opens no connection before the first token is needed.

    A subclass that overrides a method with an async form (`get_token` and `aget_token`, `verify`
    and `averify`, `introspect` and `aintrospect`) overrides both: each caller uses only one.

    `CredicorpAuth(...)` reads no environment variable; see `from_env` for that. The description of
    `__init__` names every setting, with its unit and default.

    Raises:
        ConfigurationError: A setting is invalid, or an adapter cannot be loaded.

    .. versionadded:: 1.0.0
    """

    def _take(self, settings: dict[str, Any]) -> None:
        self._start(Settings(**settings))

    @classmethod
    def from_settings(cls, settings: Settings, *, clock: Clock | None = None) -> Self:
        """
        Build from existing settings.

        Args:
            settings: The settings.
            clock: The clocks; a test may pass its own. None, the default, takes those of the
                system.
        """
        auth = cls.__new__(cls)
        auth._start(settings, clock)  # noqa: SLF001 - its own class
        return auth

    @classmethod
    def from_env(cls, **settings: Unpack[SettingsKeywords]) -> Self:
        """
        Build from `CREDICORP_*` variables, and the keywords of `__init__`, which override them.

        The secret source reads client id and secret when they are needed.
        """
        return cls.from_settings(settings_from_env(os.environ, settings))

    @classmethod
    def from_profile(cls, name: str | None = None, **settings: Unpack[SettingsKeywords]) -> Self:
        """
        Build from a TOML profile, and keywords that override it.

        Args:
            name: The profile; None for the one that `CREDICORP_PROFILE` names.
            **settings: The keywords of `__init__`.
        """
        return cls.from_settings(settings_from_profile(name, os.environ, settings))

    def _start(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        engines = build_engines(settings, clock=clock)
        self._engine, self._verifier = engines.tokens, engines.verifier or NoVerifier()
        self._queries = engines.queries
        self._allowed_origins = AllowedOrigins(settings.allowed_origins)
        entries = self._engine.entries
        self._source, self._default = TokenSource(self, self._engine), entries.default
        self._fresh_of = entries.fresh_of
        # `header` and `aheader` read the held token directly, unless a subclass overrides the
        # method that returns tokens (docs/decisions/0038).
        self._own_tokens = type(self).get_token is CredicorpAuth.get_token
        self._own_atokens = type(self).aget_token is CredicorpAuth.aget_token

    def __repr__(self) -> str:
        settings = self._settings
        return (
            f"CredicorpAuth(client_id={settings.client_id!r}, token_url={settings.token_url!r}, "
            f"scope={str(settings.scope)!r})"
        )

    def get_token(
        self, scope: Scope | str | Iterable[str] | None = None, *, timeout: float | None = None
    ) -> AccessToken:
        """
        Return a valid access token, from memory or the cache, or minted.

        Args:
            scope: The scope to request; by default the `scope` setting. Each scope has its own
                token.
            timeout: Seconds this caller waits; by default, and at most, the `timeout` setting.

        Raises:
            CredicorpAuthError: No token can be obtained now; `.retryable` says whether the same
                call may succeed later.
        """
        fresh = self._default.fresh if scope is None else self._fresh_of(scope)
        if time.time() < fresh.until_wall and boot_time() < fresh.until_boot:
            return fresh.token
        return self._engine.get_token(scope, timeout=timeout)

    async def aget_token(
        self,
        scope: Scope | str | Iterable[str] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - ends this wait alone, not what it waits for
    ) -> AccessToken:
        """Return a valid access token, awaiting it; see `get_token`."""
        fresh = self._default.fresh if scope is None else self._fresh_of(scope)
        if time.time() < fresh.until_wall and boot_time() < fresh.until_boot:
            return fresh.token
        return await self._engine.aget_token(scope, timeout=timeout)

    def header(self, scope: Scope | str | Iterable[str] | None = None) -> str:
        """Return the value of an `Authorization` header (RFC 6750 section 2.1)."""
        if self._own_tokens:
            fresh = self._default.fresh if scope is None else self._fresh_of(scope)
            if time.time() < fresh.until_wall and boot_time() < fresh.until_boot:
                return fresh.header()
        return self.get_token(scope).header()

    async def aheader(self, scope: Scope | str | Iterable[str] | None = None) -> str:
        """Return the value of an `Authorization` header, awaiting the token."""
        if self._own_atokens:
            fresh = self._default.fresh if scope is None else self._fresh_of(scope)
            if time.time() < fresh.until_wall and boot_time() < fresh.until_boot:
                return fresh.header()
        return (await self.aget_token(scope)).header()

    def call(
        self,
        url: str,
        scope: Scope | str | Iterable[str] | None = None,
        **names: Unpack[RequestNames],
    ) -> BearerCall:
        """
        Begin a request to `url` that carries the token, as `BearerCall` describes it.

        Raises:
            OriginNotAllowed: `url` is outside the allowed origins. Do not send the request.
        """
        return BearerCall(self._source, self._allowed_origins, url, scope, **names)

    def recognizes(self, header: str | bytes) -> bool:
        """Return whether this `Authorization` header was sent with one of this client's tokens."""
        return header in self._engine.reports.carried

    def introspect(
        self, token: str | AccessToken, *, audience_verified: bool = False
    ) -> Introspection:
        """
        Ask the authorization server whether a token is active (RFC 7662).

        An active response is cached for a minute, never past the token's expiry; an inactive one
        for five seconds. It fails closed: without a response it raises an error.

        Args:
            token: The token: the part after `Bearer` in a request's `Authorization` header.
            audience_verified: Set it if the token's own `aud` has been verified: the response then
                need not name an audience, even if `introspection_audience` is `required`.

        Returns:
            The response; true if the token is an active bearer access token, of `issuer` and for
            `audience` if these are set. For an inactive token only `.code` is set.

        Raises:
            CredicorpAuthError: There is no response, or the text cannot be a token
                (`MalformedToken`).
        """
        try:
            return self._queries.introspector.introspect(token, audience_verified=audience_verified)
        finally:
            del token  # keep it out of an error's traceback

    async def aintrospect(
        self, token: str | AccessToken, *, audience_verified: bool = False
    ) -> Introspection:
        """Ask the authorization server whether a token is active, awaiting it; see `introspect`."""
        try:
            introspector = self._queries.introspector
            return await introspector.aintrospect(token, audience_verified=audience_verified)
        finally:
            del token  # keep it out of an error's traceback

    def revoke(self, token: str | AccessToken) -> None:
        """
        Revoke a token at the authorization server (RFC 7009).

        The token is first dropped from memory and from the cache, even if the server then fails.

        Raises:
            CredicorpAuthError: The server did not confirm it: the token may still be valid.
        """
        self._queries.revoker.revoke(token)

    async def arevoke(self, token: str | AccessToken) -> None:
        """Revoke a token at the authorization server, awaiting it; see `revoke`."""
        await self._queries.revoker.arevoke(token)

    def forget_introspections(self) -> None:
        """Drop all cached introspection responses; the server is asked about each token again."""
        self._queries.forget()

    def invalidate(self, token: AccessToken) -> bool:
        """
        Drop a token that is no longer valid, if it is still the current one.

        It never blocks. It also drops a remembered refusal of the token's scope, and the cached
        introspection response for the token.

        Returns:
            Whether that token was the current one.
        """
        self._queries.forget(token)
        return self._engine.invalidate(token)

    def forget_secrets(self) -> None:
        """Drop cached secrets and encryption keys, after a leak or a correction."""
        self._engine.forget_secrets()
        self._queries.forgive()

    def close(self) -> None:
        """Drop the tokens and release the resources, once; waiting callers get `Closed`."""
        self._queries.close()
        self._verifier.close()
        self._engine.close()
