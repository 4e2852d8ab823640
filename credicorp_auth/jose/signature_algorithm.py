"""The signature algorithms that may be trusted, each with the one kind of key that it goes with."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from credicorp_auth.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@frozen
class SignatureAlgorithm:
    """
    A signature algorithm of RFC 7518 section 3.1, RFC 8037 or RFC 9864.

    Args:
        name: Its name in a token's `alg`.
        kty: The key type that it needs.
        crv: The curve that it needs; empty for RSA.
        mathematics: The name under which PyJWT knows what it does.
    """

    name: str
    kty: str
    crv: str
    mathematics: str

    def fits(self, jwk: Mapping[str, Any]) -> bool:
        """Say whether a key is of the type, and on the curve, that this algorithm needs."""
        return jwk.get("kty") == self.kty and jwk.get("crv", "") == self.crv


ALGORITHMS: Final[Mapping[str, SignatureAlgorithm]] = {
    each.name: each
    for each in (
        *(SignatureAlgorithm(f"RS{size}", "RSA", "", f"RS{size}") for size in (256, 384, 512)),
        *(SignatureAlgorithm(f"PS{size}", "RSA", "", f"PS{size}") for size in (256, 384, 512)),
        SignatureAlgorithm("ES256", "EC", "P-256", "ES256"),
        SignatureAlgorithm("ES384", "EC", "P-384", "ES384"),
        SignatureAlgorithm("ES512", "EC", "P-521", "ES512"),
        # Two names for one thing: RFC 8037 names the family, RFC 9864 the curve as well.
        SignatureAlgorithm("Ed25519", "OKP", "Ed25519", "EdDSA"),
        SignatureAlgorithm("EdDSA", "OKP", "Ed25519", "EdDSA"),
    )
}
"""Every algorithm that can be allowed. None of them is symmetric, and `none` is not among them."""

DEFAULT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
"""The algorithms that are allowed where nobody chose."""


def read_algorithms(names: Iterable[str]) -> tuple[SignatureAlgorithm, ...]:
    """
    Read an allow-list.

    Args:
        names: Names of `ALGORITHMS`. Of those that fit a key which names no algorithm of its own,
            the first one is that key's.

    Raises:
        InvalidSetting: The list is empty, or a name is not known; HMAC never is.
    """
    chosen = tuple(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in ALGORITHMS]
    if unknown or not chosen:
        shown = ascii(unknown[0])[:40] if unknown else "empty"
        raise InvalidSetting(
            f"`algorithms` is or holds {shown}",
            hint=f"choose of {', '.join(ALGORITHMS)}.",
        )
    return tuple(ALGORITHMS[name] for name in chosen)


@cache
def algorithm_family_of(algorithm: SignatureAlgorithm) -> Any:  # noqa: ANN401 - PyJWT's object
    """Return PyJWT's object that computes an algorithm."""
    from jwt.algorithms import get_default_algorithms  # noqa: PLC0415 - 100 ms, for verifiers only

    return get_default_algorithms()[algorithm.mathematics]
