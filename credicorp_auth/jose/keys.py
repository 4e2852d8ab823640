"""Verification keys of one issuer, and the choice of the one that a token is verified with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from credicorp_auth.errors import UnknownKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm

_WHY_NOT: Final = {
    "verify.kid": "the issuer does not publish the token's key",
    "verify.key_mismatch": "the token's key is published for another algorithm or purpose",
    "jwks.duplicate_kid": "two keys are published under the name of the token's key",
}
_Name = tuple[str | None, str]  # kid, and the algorithm's implementation


def is_kid(kid: object) -> bool:
    """Say whether `kid` can name a key: any text (RFC 7517 section 4.5) without NUL."""
    return isinstance(kid, str) and "\0" not in kid


@frozen(eq=False)
class VerificationKey:
    """
    A public key for exactly one algorithm.

    Args:
        kid: Its name among the issuer's keys, or None.
        algorithm: The algorithm that it may verify.
        public_key: The key object of `cryptography`.
        numbers: The key's numbers, to tell a repeated key from two keys of one name.
    """

    kid: str | None
    algorithm: SignatureAlgorithm
    public_key: Any = field(repr=False)
    numbers: tuple[bytes, ...] = field(repr=False)
    _verify: Callable[[bytes, Any, bytes], bool] = field(repr=False)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Say whether `signature` is this key's signature of `message`."""
        return self._verify(message, self.public_key, signature)


@frozen
class DroppedKey:
    """
    A published key that must not be used.

    Args:
        kid: Its name, or None without a readable one.
        code: The reason: `jwks.symmetric_key`, `jwks.private_key`, `jwks.weak_key`,
            `jwks.roca_key`, `jwks.malformed_key` or `jwks.duplicate_kid`.
    """

    kid: str | None
    code: str


@frozen(eq=False)
class KeySet:
    """
    The usable keys of one issuer (RFC 7517 section 5).

    Args:
        keys: The keys that may verify.
        dropped: The keys that must not be used, each with a reason.
        others: Names of keys that are published for another purpose.
        document: The bytes that it was read from, to detect an unchanged set.
        url: The address that it was read from, for messages.
    """

    keys: tuple[VerificationKey, ...]
    dropped: tuple[DroppedKey, ...] = ()
    others: frozenset[str] = frozenset()
    document: bytes = field(default=b"", repr=False)
    url: str = ""
    _chosen: Mapping[_Name, VerificationKey | None] = field(init=False, repr=False)
    _codes: Mapping[str | None, str] = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Decided once for a key set, and not for each token. Several entries of one name and
        # algorithm choose a key only if they are one key; a token without `kid` may mean any key.
        chosen: dict[_Name, VerificationKey | None] = {}
        codes: dict[str | None, str] = dict.fromkeys(self.others, "verify.key_mismatch")
        for dropped in self.dropped:
            is_double = dropped.code == "jwks.duplicate_kid"
            codes[dropped.kid] = dropped.code if is_double else "verify.key_mismatch"
        for key in self.keys:
            for kid in (key.kid, None):
                name = (kid, key.algorithm.implementation)
                known = chosen.setdefault(name, key)
                if known is not None and known.numbers != key.numbers:
                    chosen[name] = None
                codes[kid] = "verify.key_mismatch"
        object.__setattr__(self, "_chosen", chosen)
        object.__setattr__(self, "_codes", codes)

    @property
    def names(self) -> frozenset[str]:
        """The names of the keys that may verify."""
        return frozenset(each.kid for each in self.keys if each.kid is not None)

    def choose(self, kid: str | None, algorithm: SignatureAlgorithm) -> VerificationKey:
        """
        Choose the one key that a token may be verified with.

        Args:
            kid: The key id that the token names, or None.
            algorithm: The algorithm that the token names.

        Raises:
            UnknownKey: No key of that name is published (`verify.kid`; a newer set may hold it).
                The key is for another algorithm or purpose (`verify.key_mismatch`). Two keys share
                the name (`jwks.duplicate_kid`). The token names no key and several fit
                (`verify.kid_ambiguous`).
        """
        name = (kid, algorithm.implementation)
        key = self._chosen.get(name)
        if key is not None:
            return key
        if name in self._chosen:
            raise UnknownKey(
                "the token names no key, and several keys fit",
                code="verify.kid_ambiguous",
                hint="configure the issuer to name the key of each token in `kid`.",
            )
        code = self._codes.get(kid, "verify.kid")
        raise UnknownKey(_WHY_NOT[code], code=code)
