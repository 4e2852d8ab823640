"""Errors of token verification; none holds a claim, a header or the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from credicorp_auth.errors.root import CredicorpAuthError

if TYPE_CHECKING:
    from collections.abc import Collection


class VerificationFailed(CredicorpAuthError):
    """The token is not trusted here."""

    default_code = "verify.failed"
    default_hint = "refuse the request; tell the caller only that the token is invalid."


class MalformedToken(VerificationFailed):
    """The text is not an unambiguous signed token."""

    default_code = "verify.format"


class WrongAlgorithm(VerificationFailed):
    """The token's signature algorithm is not allowed."""

    default_code = "verify.alg"


class UnknownKey(VerificationFailed):
    """The issuer publishes no key, or more than one, that may verify this token."""

    default_code = "verify.kid"


class BadSignature(VerificationFailed):
    """The signature does not match the key and the token."""

    default_code = "verify.signature"


class WrongType(VerificationFailed):
    """The token is not marked as an access token (RFC 9068 section 2.1)."""

    default_code = "verify.typ"
    default_hint = (
        "configure the issuer to mark access tokens as at+jwt; other tokens are not accepted."
    )


class WrongIssuer(VerificationFailed):
    """The token is not from the trusted issuer."""

    default_code = "verify.iss"
    default_hint = "check `issuer`: it is compared character by character."


class WrongAudience(VerificationFailed):
    """The token is for another audience."""

    default_code = "verify.aud"
    default_hint = "check `audience`: it is compared character by character."


class Expired(VerificationFailed):
    """The token has expired, or has no valid expiry."""

    default_code = "verify.exp"
    default_hint = "the caller must obtain a new token; if it is new, compare the clocks."


class NotYetValid(VerificationFailed):
    """The token is not valid yet, or its start time is invalid."""

    default_code = "verify.nbf"
    default_hint = "compare the clocks of this machine and of the issuer."


class WrongClaim(VerificationFailed):
    """A required claim (RFC 9068 section 2.2) is missing or invalid."""

    default_code = "verify.claim"
    default_hint = "configure the issuer to issue access tokens as RFC 9068 says."


class ScopeMissing(VerificationFailed):
    """
    The token is valid, but does not cover the required scope.

    Args:
        required: The required scope tokens.
    """

    default_code = "verify.scope"
    default_hint = "respond with 403 insufficient_scope, and name the required scope."

    def __init__(self, message: str, *, required: Collection[str], **rest: Any) -> None:
        super().__init__(message, **rest)
        self.required = frozenset(required)


class TokenInactive(VerificationFailed):
    """The authorization server reports the token as inactive (RFC 7662)."""

    default_code = "verify.inactive"


class KeysUnavailable(VerificationFailed):
    """The issuer's keys are unavailable, so no token can be verified."""

    default_code = "jwks.unavailable"
    default_hint = "check `jwks_url` or `issuer`, and the network; then try again."
    default_retryable = True
