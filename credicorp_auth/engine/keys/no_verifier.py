"""Null verifier, used if no issuer is set."""

from __future__ import annotations

from typing import NoReturn

from credicorp_auth.errors import MissingSetting


class NoVerifier:
    """Refuses to verify any token."""

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
