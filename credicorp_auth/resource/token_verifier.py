"""`TokenVerifier`: token verification for a resource server, without a client secret."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from credicorp_auth.engine.closeable import Closeable
from credicorp_auth.engine.fork import renew_after_fork
from credicorp_auth.engine.keys.verifying import VerifiesTokens
from credicorp_auth.errors import MissingSetting
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import (
    build_anonymous_runtime,
    settings_from_env,
    settings_from_profile,
)
from credicorp_auth.wiring.issuer import build_discovery, build_verifier

if TYPE_CHECKING:
    from typing import Unpack

    from credicorp_auth.settings.keywords import SettingsKeywords


class TokenVerifier(VerifiesTokens, Closeable):
    """
    Verifies access tokens of one issuer for one audience (RFC 9068).

        verifier = TokenVerifier(issuer="https://credicorp.co.uk", audience="my-api")
        claims = verifier.verify(token, required_scope="decisions:read")

    It is thread-safe and works with event loops. All callers share the issuer's keys, and one
    request for them. It opens no connection before the first token is verified. Without `jwks_url`,
    the key set's URL is read from the issuer's metadata (`discovery` is `on`).

    Args:
        **settings: `issuer` and `audience` (both required), and other settings, which
            `help(Settings)` describes.

    Raises:
        ConfigurationError: No issuer or no audience is set (`config.verifier`), or a setting is
            invalid.

    .. versionadded:: 1.0.0
    """

    def __init__(self, **settings: Unpack[SettingsKeywords]) -> None:
        given: Any = {name: value for name, value in settings.items() if value is not None}
        given.setdefault("discovery", "on")
        if given.get("issuer"):
            given.setdefault("base_url", given["issuer"])
        self._start(Settings(**given))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build from existing settings, including their `discovery`."""
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
                "no `audience` is set",
                code="config.verifier",
                hint="set `audience` to the name under which tokens mean this service.",
            )
        self._settings = settings
        self._runtime = build_anonymous_runtime(settings)
        renew_after_fork(self._runtime)
        self._discovery = build_discovery(settings, self._runtime)
        self._verifier = build_verifier(settings, self._runtime, self._discovery)

    def __repr__(self) -> str:
        settings = self._settings
        return f"TokenVerifier(issuer={settings.issuer!r}, audience={settings.audience!r})"

    def close(self) -> None:
        """Drop the cached keys and release the resources; further calls do nothing."""
        if self._verifier.close():
            self._runtime.transport.close()
            if self._discovery is not None:
                self._discovery.metadata.close()
