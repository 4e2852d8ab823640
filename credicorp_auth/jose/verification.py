"""
Verification of one token, in this order: text, header, issuer, key, signature, claims.

The text must be in compact form (RFC 7515 section 7.1). A token that readers could parse
differently is rejected before any key is looked up. Extensions (`crit`) are not supported and are
rejected. A key inside the token is ignored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from credicorp_auth.errors import (
    BadSignature,
    MalformedToken,
    WrongAlgorithm,
    WrongIssuer,
    WrongType,
)
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.jose.base64url import MAX_SIGNED_TOKEN, decode_base64url
from credicorp_auth.jose.claims import RFC9068, TokenProfile, read_claims
from credicorp_auth.jose.keys import is_kid
from credicorp_auth.jose.signature_algorithm import ALGORITHMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.jose.keys import KeySet
    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm

_SEGMENTS: Final = 3
# Encryption and compression, with their parameters (RFC 7516, RFC 7518 section 4).
_ENCRYPTION: Final = frozenset({"enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"})


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
        profile: The kind of token that is accepted; access tokens of RFC 9068 by default.
    """

    issuer: str
    algorithms: Mapping[str, SignatureAlgorithm] = field(converter=_by_name)
    leeway: float = 60.0
    profile: TokenProfile = RFC9068


class UnverifiedToken:
    """
    A parsed token of the trusted issuer; its signature and its times are not verified yet.

    Args:
        algorithm: The signature algorithm that it names; one of the allow-list.
        kid: The key id that it names, or None.
        signing_input: The bytes that the signature covers.
        signature: The signature.
        claims: The members of its payload.
    """

    __slots__ = ("algorithm", "claims", "kid", "signature", "signing_input")

    def __init__(
        self,
        algorithm: SignatureAlgorithm,
        kid: str | None,
        signing_input: bytes,
        signature: bytes,
        claims: Mapping[str, Any],
    ) -> None:
        self.algorithm, self.kid = algorithm, kid
        self.signing_input, self.signature, self.claims = signing_input, signature, claims


def encode_token(text: str) -> bytes:
    """
    Return the characters of a token as bytes, if they are not too many to be looked at.

    Raises:
        MalformedToken: The text is too long (`verify.too_large`), or not ASCII (`verify.format`).
    """
    if len(text) > MAX_SIGNED_TOKEN:
        raise MalformedToken(
            f"the token has over {MAX_SIGNED_TOKEN} characters", code="verify.too_large"
        )
    if not text.isascii():
        raise MalformedToken("the text is not ASCII")
    return text.encode("ascii")


def read_token(token: bytes, policy: VerificationPolicy) -> UnverifiedToken:
    """
    Parse a token; reject what no key could make trusted, before any key is looked up.

    Args:
        token: Three segments of base64url, joined by dots, and nothing else.
        policy: The requirements for a trusted token.

    Raises:
        MalformedToken: `verify.format`, `verify.duplicate_member`, `verify.crit`, `verify.header`
            or `verify.nested`.
        WrongType: `typ` is none of the profile's (`verify.typ`).
        WrongAlgorithm: `alg` is not in the allow-list (`verify.alg`).
        WrongIssuer: `iss` is not the trusted issuer (`verify.iss`).
    """
    segments = token.split(b".")
    if len(segments) != _SEGMENTS:
        raise MalformedToken("the text is not three segments joined by dots")
    # The header comes first: without a trusted algorithm, the other segments are not read.
    header, payload, tail = segments
    name, kid, typ = _read_header(header)
    if typ not in policy.profile.types:
        raise WrongType("the token does not say that it is an access token")
    algorithm = policy.algorithms.get(name)
    if algorithm is None:
        raise _wrong_algorithm()
    claims = _read_members(payload)
    signature = decode_base64url(tail)
    if signature is None:
        raise MalformedToken("the signature is not canonical base64url")
    if claims.get("iss") != policy.issuer:
        raise WrongIssuer("the token's issuer is not the trusted one")
    return UnverifiedToken(algorithm, kid, header + b"." + payload, signature, claims)


def verify_token(
    token: UnverifiedToken, keys: KeySet, policy: VerificationPolicy, *, now: float
) -> Claims:
    """
    Verify a token's signature with the key that it names, and only then its claims.

    Args:
        token: The token as `read_token` returned it.
        keys: The issuer's keys.
        policy: The requirements for a trusted token.
        now: Current time in epoch seconds.

    Raises:
        VerificationFailed: No key may verify the token, or the signature or a claim is not valid.
            After `verify.kid`, newer keys may help.
    """
    key = keys.choose(token.kid, token.algorithm)
    if not key.verifies(token.signing_input, token.signature):
        raise BadSignature("the signature does not verify")
    return read_claims(token.claims, policy.profile, now=now, leeway=policy.leeway)


@lru_cache(maxsize=256)
def _read_header(segment: bytes) -> tuple[str, str | None, str]:
    """Read algorithm, kid and type. Tokens signed by one key share a header, so it is cached."""
    header = _read_members(segment)
    if "crit" in header:
        raise MalformedToken("the token requires an extension", code="verify.crit")
    if not _ENCRYPTION.isdisjoint(header):
        raise MalformedToken("the token is encrypted, or compressed")
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise _wrong_algorithm()
    if "b64" in header or ("kid" in header and not is_kid(kid)):
        raise MalformedToken(
            "a member of the token's header is not acceptable", code="verify.header"
        )
    if "cty" in header:
        raise MalformedToken("the token declares a nested token", code="verify.nested")
    return algorithm, kid or None, typ.lower() if isinstance(typ, str) else ""


def _wrong_algorithm() -> WrongAlgorithm:
    return WrongAlgorithm("the token is not signed with an algorithm of the allow-list")


def _read_members(segment: bytes) -> dict[str, Any]:
    document = decode_base64url(segment)
    if not document:
        raise MalformedToken("a part of the token is empty, or not canonical base64url")
    try:
        return read_json_object(document)
    except NotStrictJson as fault:
        code = "verify.duplicate_member" if fault.duplicate else "verify.format"
    raise MalformedToken("a part of the token is not one strict JSON object", code=code)
