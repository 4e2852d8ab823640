"""The object that resource servers hold: it verifies tokens, and needs no secret for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from credicorp_auth.engine.closeable import Closeable
from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.errors import MissingSetting
from credicorp_auth.issuer_wiring import build_discovery, build_verifier
from credicorp_auth.settings import Settings
from credicorp_auth.wiring import build_open_world, settings_from_env, settings_from_profile

if TYPE_CHECKING:
    from typing import Unpack

    from credicorp_auth.oauth.claims import Claims
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken
    from credicorp_auth.settings import SettingsKeywords


class TokenVerifier(Closeable):
    """
    Verifies the access tokens of one issuer that are meant for one audience (RFC 9068).

        verifier = TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api")
        claims = verifier.verify(token, required_scope="decisions:read")

    One object serves threads and event loops at once; they share the issuer's keys, and one
    request for them. It opens nothing before the first token is shown. Without `jwks_url`, the
    keys are where the issuer's metadata say; set `discovery` to choose otherwise.

    Args:
        **settings: `issuer` and `audience`, and what else of `Settings` has to do with verifying.

    Raises:
        ConfigurationError: No issuer or no audience (`config.verifier`), or a setting that cannot
            be used.

    .. versionadded:: 1.0.0
    """

    def __init__(self, **settings: Unpack[SettingsKeywords]) -> None:
        given: Any = {"discovery": "on", **settings}
        if given.get("issuer"):
            given.setdefault("base_url", given["issuer"])
        self._start(Settings(**given))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build from settings that were made before, their `discovery` included."""
        verifier = cls.__new__(cls)
        verifier._start(settings)  # noqa: SLF001 - its own class
        return verifier

    @classmethod
    def from_env(cls, **settings: Unpack[SettingsKeywords]) -> Self:
        """Build from `CREDICORP_*` variables, and keywords that override them."""
        return cls.from_settings(settings_from_env(os.environ, settings, needs_secret=False))

    @classmethod
    def from_profile(cls, name: str | None = None, **settings: Unpack[SettingsKeywords]) -> Self:
        """
        Build from a TOML profile, and keywords that override it.

        Args:
            name: The profile; None for the one that `CREDICORP_PROFILE` names.
            **settings: See `Settings`.
        """
        read = settings_from_profile(name, os.environ, settings, needs_secret=False)
        return cls.from_settings(read)

    def _start(self, settings: Settings) -> None:
        if settings.audience is None:
            raise MissingSetting(
                "no audience is set that tokens must be meant for",
                code="config.verifier",
                cure="set `audience` to the name under which tokens mean this service.",
            )
        self._settings = settings
        self._world = build_open_world(settings)
        renew_after_fork(self._world)
        self._discovery = build_discovery(settings, self._world)
        self._engine = build_verifier(settings, self._world, self._discovery)

    def __repr__(self) -> str:
        settings = self._settings
        return f"TokenVerifier(issuer={settings.issuer!r}, audience={settings.audience!r})"

    def verify(
        self,
        token: str | AccessToken,
        *,
        audience: str | None = None,
        required_scope: Scope | str | None = None,
    ) -> Claims:
        """
        Verify an access token: who signed it, for whom it is meant, that it lives, what it is for.

        Args:
            token: The token; what stands behind `Bearer` in a request's `Authorization` header.
            audience: Whom it must be meant for; the `audience` setting when not given.
            required_scope: What it must be good for.

        Returns:
            What it says.

        Raises:
            VerificationFailed: It cannot be trusted; `.code` says why, for the log alone.
        """
        try:
            return self._engine.verify(token, audience=audience, required_scope=required_scope)
        finally:
            del token  # not in reach of an error's traceback

    async def averify(
        self,
        token: str | AccessToken,
        *,
        audience: str | None = None,
        required_scope: Scope | str | None = None,
    ) -> Claims:
        """Verify an access token, awaiting the issuer's keys where need be; see `verify`."""
        try:
            return await self._engine.averify(
                token, audience=audience, required_scope=required_scope
            )
        finally:
            del token  # not in reach of an error's traceback

    def close(self) -> None:
        """Forget what is known and close what is open; once, however often it is called."""
        if self._engine.close():
            self._world.transport.close()
            if self._discovery is not None:
                self._discovery.metadata.close()
