"""Verification methods of public objects, and the null verifier of those without an issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from credicorp_auth.errors import MissingSetting

if TYPE_CHECKING:
    from credicorp_auth.engine.keys.verifier_engine import VerifierEngine
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken


class VerifiesTokens:
    """Mixin of the objects that verify tokens, for threads and for event loops."""

    _verifier: VerifierEngine | NoVerifier

    def verify(
        self,
        token: str | AccessToken,
        *,
        audience: str | None = None,
        required_scope: Scope | str | None = None,
    ) -> Claims:
        """
        Verify an access token's signature, issuer, audience, expiry and scope (RFC 9068).

        A subclass that overrides this overrides `averify` as well: asynchronous frameworks and
        guards call only that one.

        Args:
            token: The token: the part after `Bearer` in a request's `Authorization` header.
            audience: The audience it must have; by default the `audience` setting.
            required_scope: The scope it must cover; by default none.

        Returns:
            The claims of the token.

        Raises:
            VerificationFailed: The token is not valid. Log `.code`; do not send it to the caller.
            KeysUnavailable: The issuer's keys cannot be fetched now.
            MissingSetting: No issuer, or no audience, is set (`config.verifier`).
        """
        try:
            return self._verifier.verify(token, audience=audience, required_scope=required_scope)
        finally:
            del token  # keep it out of an error's traceback

    async def averify(
        self,
        token: str | AccessToken,
        *,
        audience: str | None = None,
        required_scope: Scope | str | None = None,
    ) -> Claims:
        """Verify an access token, awaiting a fetch of keys if it is needed; see `verify`."""
        try:
            return await self._verifier.averify(
                token, audience=audience, required_scope=required_scope
            )
        finally:
            del token  # keep it out of an error's traceback


class NoVerifier:
    """Null verifier, used if no issuer is set: refuses to verify any token."""

    def verify(self, _token: object, **_asked: object) -> NoReturn:
        """
        Raise an error.

        Raises:
            MissingSetting: No issuer is set (`config.verifier`).
        """
        raise missing_issuer()

    async def averify(self, _token: object, **_asked: object) -> NoReturn:
        """Raise an error, as `verify` does."""
        raise missing_issuer()

    def close(self) -> None:
        """Do nothing."""


def missing_issuer() -> MissingSetting:
    """Return the error of a verifier that has no trusted issuer."""
    return MissingSetting(
        "no `issuer` is set",
        code="config.verifier",
        hint="set `issuer` to the text that tokens carry as `iss`.",
    )
