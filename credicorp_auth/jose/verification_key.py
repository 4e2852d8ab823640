"""Strict reader of a verification key from a JSON Web Key (RFC 7517)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from attrs import frozen

from credicorp_auth.jose.base64url import decode_base64url
from credicorp_auth.jose.keys import DroppedKey, VerificationKey, is_kid
from credicorp_auth.jose.roca import is_roca_modulus
from credicorp_auth.jose.signature_algorithm import algorithm_family_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm

MIN_MODULUS: Final = 2048  # bits; RFC 7518 section 3.3
MAX_MODULUS: Final = 8192  # bits; above, one verification takes a millisecond or more
_MAX_EXPONENT: Final = 2**32
_LONGEST_NUMBER: Final = 2048  # characters; well above those of a modulus of 8192 bits

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


@frozen
class OtherKey:
    """
    A published key that is not for verifying tokens with an allowed algorithm.

    Args:
        kid: Its name, or None.
    """

    kid: str | None


def read_verification_key(
    jwk: object, algorithms: Sequence[SignatureAlgorithm]
) -> VerificationKey | DroppedKey | OtherKey:
    """
    Read one JSON Web Key.

    Args:
        jwk: An entry of a key set, as decoded from JSON.
        algorithms: The allowed algorithms, preferred ones first.

    Returns:
        The key; or a `DroppedKey` or `OtherKey` if it must not, or is not meant to, verify tokens.
    """
    if not isinstance(jwk, dict):
        return DroppedKey(None, "jwks.malformed_key")
    kid = cast("dict[str, Any]", jwk).get("kid")
    if kid is not None and not is_kid(kid):
        return DroppedKey(None, "jwks.malformed_key")
    kid = kid or None
    # Null, empty text and an empty list count as absent.
    members = {
        name: value
        for name, value in cast("dict[str, Any]", jwk).items()
        if not (value is None or value in ("", []))
    }
    if members.get("kty") == "oct":
        return DroppedKey(kid, "jwks.symmetric_key")
    if not _PRIVATE.isdisjoint(members):
        return DroppedKey(kid, "jwks.private_key")
    algorithm = _algorithm_of(members, algorithms) if _is_for_verifying(members) else None
    if algorithm is None:
        return OtherKey(kid)
    return _read_public_key(members, kid, algorithm)


def _is_for_verifying(jwk: Mapping[str, Any]) -> bool:
    key_ops = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(key_ops, list) and "verify" in key_ops


def _algorithm_of(
    jwk: Mapping[str, Any], algorithms: Sequence[SignatureAlgorithm]
) -> SignatureAlgorithm | None:
    fitting = [each for each in algorithms if each.fits(jwk)]
    if "alg" not in jwk:
        return fitting[0] if fitting else None
    named = {each.name: each for each in fitting}
    if jwk.get("kty") == "OKP" and jwk["alg"] in ("EdDSA", "Ed25519"):
        return fitting[0] if fitting else None  # one algorithm under two names
    return named.get(jwk["alg"]) if isinstance(jwk["alg"], str) else None


def _read_public_key(
    jwk: Mapping[str, Any], kid: str | None, algorithm: SignatureAlgorithm
) -> VerificationKey | DroppedKey:
    names = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}[algorithm.kty]
    numbers = [_read_number(jwk.get(name)) for name in names]
    if None in numbers:
        return DroppedKey(kid, "jwks.malformed_key")
    if algorithm.kty == "RSA":
        n, e = (int.from_bytes(each) for each in cast("list[bytes]", numbers))
        if not _is_strong(n, e):
            return DroppedKey(kid, "jwks.weak_key")
        if is_roca_modulus(n):
            return DroppedKey(kid, "jwks.roca_key")
    from jwt.exceptions import PyJWTError  # noqa: PLC0415 - 100 ms, for verifiers only

    implementation = algorithm_family_of(algorithm)
    # Only the members of the public key: PyJWT would build a private key from further ones.
    bare = {"kty": algorithm.kty, "crv": algorithm.crv, **{name: jwk[name] for name in names}}
    try:
        public_key = implementation.from_jwk(bare)
    except (ValueError, PyJWTError):
        return DroppedKey(kid, "jwks.malformed_key")
    bare_numbers = tuple(each.lstrip(b"\0") for each in cast("list[bytes]", numbers))
    return VerificationKey(kid, algorithm, public_key, bare_numbers, implementation.verify)


def _read_number(text: object) -> bytes | None:
    if not isinstance(text, str) or len(text) > _LONGEST_NUMBER or not text.isascii():
        return None
    return decode_base64url(text.encode("ascii")) or None


def _is_strong(n: int, e: int) -> bool:
    size_fits = MIN_MODULUS <= n.bit_length() <= MAX_MODULUS
    return size_fits and n % 2 == 1 and e % 2 == 1 and 1 < e <= _MAX_EXPONENT
