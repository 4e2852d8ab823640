"""Composition of introspection and revocation, which most clients never use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import MissingSetting

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.discovery import Discovery
    from credicorp_auth.engine.tokens.introspector import Introspector
    from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime
    from credicorp_auth.engine.tokens.revoker import Revoker
    from credicorp_auth.engine.tokens.runtime import ServerRuntime
    from credicorp_auth.engine.tokens.token_engine import TokenEngine
    from credicorp_auth.oauth.token import AccessToken
    from credicorp_auth.settings.schema import Settings


class TokenQueries:
    """
    The introspector and the revoker of a client, loaded and built when one is first used.

    Args:
        settings: The settings.
        runtime: The runtime of the client's tokens.
        discovery: Finds the endpoints that are not set; None if discovery is off.
        tokens: The token engine; a revoked token is dropped from it.

    Raises:
        MissingSetting: An audience is required, and none is set (`config.verifier`).
    """

    def __init__(
        self,
        settings: Settings,
        runtime: ServerRuntime,
        discovery: Discovery | None,
        tokens: TokenEngine,
    ) -> None:
        if settings.introspection_audience == "required" and settings.audience is None:
            raise MissingSetting(
                "`introspection_audience` is `required`, and no audience is set",
                code="config.verifier",
                hint="set `audience` to the name under which tokens mean this service.",
            )
        self._settings, self._runtime = settings, runtime
        self._discovery, self._tokens = discovery, tokens
        self._built: dict[None, tuple[Introspector, Revoker]] = {}
        self._is_closed = False

    @property
    def introspector(self) -> Introspector:
        """The introspector."""
        return self._use()[0]

    @property
    def revoker(self) -> Revoker:
        """The revoker."""
        return self._use()[1]

    def forget(self, token: str | AccessToken | None = None) -> None:
        """Drop the cached introspection response for a token, or for all tokens (None)."""
        for introspector, _ in self._built.values():
            introspector.forget(token)

    def forgive(self) -> None:
        """Forget that an endpoint refused the client: its secret has changed."""
        for introspector, revoker in self._built.values():
            introspector.forgive()
            revoker.forgive()

    def close(self) -> None:
        """Refuse further queries, and wake all waiters."""
        self._is_closed = True
        for introspector, revoker in self._built.values():
            introspector.close()
            revoker.close()

    def _use(self) -> tuple[Introspector, Revoker]:
        built = self._built.get(None)
        if built is None:
            # No lock, which a fork or a signal handler could meet: of two pairs, the first is kept.
            built = self._built.setdefault(None, self._build())
            if self._is_closed:
                self.close()
        return built

    def _build(self) -> tuple[Introspector, Revoker]:
        from credicorp_auth.engine.tokens.introspector import Introspector  # noqa: PLC0415 - 15 modules
        from credicorp_auth.engine.tokens.revoker import Revoker  # noqa: PLC0415 - the same
        from credicorp_auth.oauth.introspection import IntrospectionPolicy  # noqa: PLC0415 - the same

        settings = self._settings
        method, timeout = settings.client_authentication, settings.timeout
        policy = IntrospectionPolicy(
            settings.issuer,
            settings.audience,
            settings.leeway,
            requires_audience=settings.introspection_audience == "required",
        )
        introspector = Introspector(
            policy, method, self._endpoint("introspection"), timeout=timeout
        )
        revoker = Revoker(
            self._tokens, introspector, method, self._endpoint("revocation"), timeout=timeout
        )
        return introspector, revoker

    def _endpoint(self, name: str) -> ServerQueryRuntime:
        from credicorp_auth.engine.tokens.query_runtime import ServerQueryRuntime  # noqa: PLC0415 - the same

        settings, setting = self._settings, f"{name}_url"
        where: str | Discovery = getattr(settings, setting)
        if self._discovery is not None and settings.discovers(setting):
            where = self._discovery
        return ServerQueryRuntime(
            self._runtime,
            where,
            f"{name}_endpoint",
            settings.client_id,
            source=settings.source_of(setting),
        )
