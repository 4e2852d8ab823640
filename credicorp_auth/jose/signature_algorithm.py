"""Signature algorithms that can be allowed, each with the one key type that it needs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from credicorp_auth.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class SignatureAlgorithm(NamedTuple):
    """
    A signature algorithm of RFC 7518 section 3.1, RFC 8037 or RFC 9864.

    Args:
        name: The name in a token's `alg`.
        kty: The key type that it needs.
        crv: The curve that it needs; empty for RSA.
        implementation: The name of its implementation in PyJWT.
    """

    name: str
    kty: str
    crv: str
    implementation: str

    def fits(self, jwk: Mapping[str, Any]) -> bool:
        """Say whether a key has the type and the curve that this algorithm needs."""
        return jwk.get("kty") == self.kty and jwk.get("crv", "") == self.crv


ALGORITHMS: Final[Mapping[str, SignatureAlgorithm]] = {
    each.name: each
    for each in (
        *(SignatureAlgorithm(f"RS{size}", "RSA", "", f"RS{size}") for size in (256, 384, 512)),
        *(SignatureAlgorithm(f"PS{size}", "RSA", "", f"PS{size}") for size in (256, 384, 512)),
        SignatureAlgorithm("ES256", "EC", "P-256", "ES256"),
        SignatureAlgorithm("ES384", "EC", "P-384", "ES384"),
        SignatureAlgorithm("ES512", "EC", "P-521", "ES512"),
        # Two names for one algorithm: RFC 8037 names the family, RFC 9864 also the curve.
        SignatureAlgorithm("Ed25519", "OKP", "Ed25519", "EdDSA"),
        SignatureAlgorithm("EdDSA", "OKP", "Ed25519", "EdDSA"),
    )
}
"""Every algorithm that can be allowed; no symmetric one, and not `none`."""

DEFAULT_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
"""The algorithms that are allowed by default."""


def read_algorithms(names: Iterable[str]) -> tuple[SignatureAlgorithm, ...]:
    """
    Read an allow-list.

    Args:
        names: Names from `ALGORITHMS`, preferred ones first. A key without `alg` gets the first
            that fits it.

    Raises:
        InvalidSetting: The list is empty, or a name is unknown; HMAC names are always unknown.
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
    """Return PyJWT's implementation of an algorithm."""
    from jwt.algorithms import get_default_algorithms  # noqa: PLC0415 - 100 ms, for verifiers only

    return get_default_algorithms()[algorithm.implementation]
