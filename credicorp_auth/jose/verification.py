"""Verification of a token, as pure functions: format, issuer, signature, claims, in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from credicorp_auth.errors import BadSignature, WrongIssuer
from credicorp_auth.jose.claims import read_claims
from credicorp_auth.jose.compact import CompactToken, read_compact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm
    from credicorp_auth.jose.verification_key import VerificationKey


def _by_name(algorithms: tuple[SignatureAlgorithm, ...]) -> Mapping[str, SignatureAlgorithm]:
    return {each.name: each for each in algorithms}


@frozen
class VerificationPolicy:
    """
    The requirements for a trusted token.

    Args:
        issuer: The required issuer, compared character by character.
        algorithms: The allowed signature algorithms, by name.
        leeway: Seconds by which the issuer's clock may differ from ours.
    """

    issuer: str
    algorithms: Mapping[str, SignatureAlgorithm] = field(converter=_by_name)
    leeway: float = 60.0


def read_token(text: str, policy: VerificationPolicy) -> CompactToken:
    """
    Parse a token; reject one of another issuer before any key is looked up.

    Raises:
        VerificationFailed: The token is malformed, or its `iss` is not the trusted issuer.
    """
    token = read_compact(text, policy.algorithms)
    if token.claims.get("iss") != policy.issuer:
        raise WrongIssuer("the token's issuer is not the trusted one")
    return token


def verify_token(
    token: CompactToken, key: VerificationKey, policy: VerificationPolicy, *, now: float
) -> Claims:
    """
    Verify a token's signature, and only then its claims.

    Args:
        token: The token as `read_token` returned it.
        key: The key that it names.
        policy: The requirements for a trusted token.
        now: Current time in epoch seconds.

    Raises:
        VerificationFailed: The signature or a claim is not valid.
    """
    if not key.verifies(token.signing_input, token.signature):
        raise BadSignature("the signature does not verify")
    return read_claims(token.claims, now=now, leeway=policy.leeway)
