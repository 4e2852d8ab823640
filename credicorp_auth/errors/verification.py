"""Errors of tokens that cannot be trusted; none holds a claim, a header or the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from credicorp_auth.errors.root import CredicorpAuthError

if TYPE_CHECKING:
    from collections.abc import Collection


class VerificationFailed(CredicorpAuthError):
    """A token is not one that may be trusted here."""

    default_code = "verify.failed"
    default_hint = "turn the request away; tell the caller no more than that the token is invalid."


class MalformedToken(VerificationFailed):
    """The text is not a signed token that every reader would read alike."""

    default_code = "verify.format"


class WrongAlgorithm(VerificationFailed):
    """The token names no signature algorithm of the allow-list."""

    default_code = "verify.alg"


class UnknownKey(VerificationFailed):
    """The issuer publishes no key, or not one alone, that may verify this token."""

    default_code = "verify.kid"


class BadSignature(VerificationFailed):
    """The signature is not the key's over this token."""

    default_code = "verify.signature"


class WrongType(VerificationFailed):
    """The token does not say that it is an access token (RFC 9068 section 2.1)."""

    default_code = "verify.typ"
    default_hint = "have the issuer mark access tokens as at+jwt; other tokens are not accepted."


class WrongIssuer(VerificationFailed):
    """The token does not come from the issuer that is trusted."""

    default_code = "verify.iss"
    default_hint = "check `issuer`: it is compared character by character."


class WrongAudience(VerificationFailed):
    """The token is meant for somebody else."""

    default_code = "verify.aud"
    default_hint = "check `audience`: it is compared character by character."


class Expired(VerificationFailed):
    """The token has expired, or does not say when it will."""

    default_code = "verify.exp"
    default_hint = "have the caller obtain a new token; if it is new, compare the clocks."


class NotYetValid(VerificationFailed):
    """The token says that it begins later, or not readably when."""

    default_code = "verify.nbf"
    default_hint = "compare the clocks of this machine and of the issuer."


class WrongClaim(VerificationFailed):
    """A claim that access tokens have (RFC 9068 section 2.2) is missing or not what it must be."""

    default_code = "verify.claim"
    default_hint = "have the issuer write access tokens by RFC 9068."


class ScopeMissing(VerificationFailed):
    """
    The token is good, but not for what is asked.

    Args:
        required: The scope tokens that were required.
    """

    default_code = "verify.scope"
    default_hint = "answer 403 insufficient_scope, naming what is required."

    def __init__(self, message: str, *, required: Collection[str], **rest: Any) -> None:
        super().__init__(message, **rest)
        self.required = frozenset(required)


class TokenInactive(VerificationFailed):
    """The authorization server says that the token does not count, or no longer (RFC 7662)."""

    default_code = "verify.inactive"


class KeysUnavailable(VerificationFailed):
    """The issuer's keys cannot be had, so nothing can be verified."""

    default_code = "jwks.unavailable"
    default_hint = "check `jwks_url` or `issuer`, and the network; then try again."
    default_retryable = True
