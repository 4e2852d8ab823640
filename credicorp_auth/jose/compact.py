"""
Strict parser for signed tokens in compact form (RFC 7515 section 7.1).

A token that readers could parse differently is rejected before any key is looked up. Extensions
(`crit`) are not supported and are rejected. A key inside the token is ignored.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from credicorp_auth.errors import MalformedToken, WrongAlgorithm, WrongType
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.jose.base64url import MAX_SIGNED_TOKEN, decode_base64url
from credicorp_auth.jose.signature_algorithm import ALGORITHMS
from credicorp_auth.jose.verification_key import is_kid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm

_SEGMENTS: Final = 3
_ACCESS_TOKEN_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
# Encryption and compression, with their parameters (RFC 7516, RFC 7518 section 4).
_ENCRYPTION: Final = frozenset({"enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"})


@frozen
class CompactToken:
    """
    A parsed token; nothing in it is verified yet.

    Args:
        algorithm: The signature algorithm that it names; one of the allow-list.
        kid: The key id that it names, or None.
        signing_input: The bytes that the signature covers.
        claims: The members of its payload.
        signature: The signature.
    """

    algorithm: SignatureAlgorithm
    kid: str | None = field(repr=False)
    signing_input: bytes = field(repr=False)
    claims: Mapping[str, Any] = field(repr=False)
    signature: bytes = field(repr=False)


def read_compact(text: str, algorithms: Mapping[str, SignatureAlgorithm]) -> CompactToken:
    """
    Parse an access token in compact form.

    Args:
        text: Three segments of base64url, joined by dots, and nothing else.
        algorithms: The allowed algorithms, by name.

    Raises:
        MalformedToken: `verify.too_large`, `verify.format`, `verify.duplicate_member`,
            `verify.crit`, `verify.header` or `verify.nested`.
        WrongAlgorithm: `alg` is not in the allow-list (`verify.alg`).
        WrongType: `typ` is not that of an access token (`verify.typ`).
    """
    if len(text) > MAX_SIGNED_TOKEN:
        raise MalformedToken(
            f"the token has over {MAX_SIGNED_TOKEN} characters", code="verify.too_large"
        )
    segments = text.encode("ascii").split(b".") if text.isascii() else []
    if len(segments) != _SEGMENTS:
        raise MalformedToken("the text is not three segments joined by dots")
    # The header comes first: without a trusted algorithm, the other segments are not read.
    name, kid = _read_header(segments[0])
    algorithm = algorithms.get(name)
    if algorithm is None:
        raise _wrong_algorithm()
    claims = _read_members(decode_base64url(segments[1]))
    signature = decode_base64url(segments[2])
    if signature is None:
        raise MalformedToken("the signature is not canonical base64url")
    signing_input = segments[0] + b"." + segments[1]
    return CompactToken(algorithm, kid, signing_input, claims, signature)


@lru_cache(maxsize=256)
def _read_header(segment: bytes) -> tuple[str, str | None]:
    """Read algorithm and kid. Tokens signed by one key share a header, so it is cached."""
    header = _read_members(decode_base64url(segment))
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
    if not isinstance(typ, str) or typ.lower() not in _ACCESS_TOKEN_TYPES:
        raise WrongType("the token does not say that it is an access token")
    return algorithm, kid or None


def _wrong_algorithm() -> WrongAlgorithm:
    return WrongAlgorithm("the token is not signed with an algorithm of the allow-list")


def _read_members(document: bytes | None) -> dict[str, Any]:
    if not document:
        raise MalformedToken("a part of the token is empty, or not canonical base64url")
    try:
        return read_json_object(document)
    except NotStrictJson as fault:
        code = "verify.duplicate_member" if fault.duplicate else "verify.format"
    raise MalformedToken("a part of the token is not one strict JSON object", code=code)
