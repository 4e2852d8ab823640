"""Reader of key sets (RFC 7517 section 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from credicorp_auth.errors import MalformedResponse
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.jose.keys import DroppedKey, KeySet, VerificationKey
from credicorp_auth.jose.verification_key import OtherKey, read_verification_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.jose.signature_algorithm import SignatureAlgorithm

MAX_KEY_SET: Final = 512 * 1024
"""Maximum bytes of a key set."""

MAX_KEYS: Final = 100
"""Maximum keys of a key set."""

KEY_SET_TYPES: Final = "application/jwk-set+json, application/json"
"""`Accept` header for key sets: the type of RFC 7517 section 8.5, and plain JSON."""

DEFAULT_FRESH: Final = 300.0  # seconds
_SHORTEST_FRESH: Final = 60.0  # seconds
_LONGEST_FRESH: Final = 3600.0  # seconds
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(-?[0-9]{1,12})", re.IGNORECASE)


def read_key_set(
    response: HttpResponse, algorithms: Sequence[SignatureAlgorithm], *, url: str
) -> KeySet:
    """
    Read a key set.

    Args:
        response: A response with status 200.
        algorithms: The allowed algorithms, preferred ones first.
        url: The address that it came from, for messages.

    Returns:
        The key set. It has no usable key if the issuer publishes none.

    Raises:
        MalformedResponse: The response is too long or holds too many keys (`jwks.too_large`), or is
            not a key set (`jwks.malformed`).
    """
    document = response.body.reveal()
    read = [read_verification_key(each, algorithms) for each in _read_members(document, url)]
    keys, dropped = _without_duplicates(
        [each for each in read if isinstance(each, VerificationKey)]
    )
    return KeySet(
        keys,
        (*(each for each in read if isinstance(each, DroppedKey)), *dropped),
        frozenset(each.kid for each in read if isinstance(each, OtherKey) and each.kid),
        document,
        url,
    )


def no_usable_key(keys: KeySet) -> MalformedResponse:
    """Build the error for a key set without a usable key."""
    return MalformedResponse(
        f"the key set at {keys.url} has no key that may verify",
        code="jwks.no_usable_key",
        hint="check `jwks_url`; the issuer must publish public keys for an allowed algorithm.",
    )


def _read_members(document: bytes, url: str) -> list[object]:
    hint = "check `jwks_url`, then ask the operator of the issuer."
    if len(document) > MAX_KEY_SET:
        message = f"the key set at {url} has over {MAX_KEY_SET} bytes"
        raise MalformedResponse(message, code="jwks.too_large", hint=hint)
    try:
        members = read_json_object(document)
    except NotStrictJson:
        members = {}
    keys = members.get("keys")
    if not isinstance(keys, list):
        message = f"the response of {url} is not a key set"
        raise MalformedResponse(message, code="jwks.malformed", hint=hint)
    listed = cast("list[object]", keys)
    if len(listed) > MAX_KEYS:
        message = f"the key set at {url} holds over {MAX_KEYS} keys"
        raise MalformedResponse(message, code="jwks.too_large", hint=hint)
    return listed


def _without_duplicates(
    keys: Sequence[VerificationKey],
) -> tuple[tuple[VerificationKey, ...], tuple[DroppedKey, ...]]:
    """Merge equal keys; drop different keys that share a name and an algorithm."""
    named: dict[tuple[str | None, str], dict[tuple[bytes, ...], VerificationKey]] = {}
    for key in keys:
        named.setdefault((key.kid, key.algorithm.implementation), {}).setdefault(key.numbers, key)
    doubtful = {kid for (kid, _), same in named.items() if kid is not None and len(same) > 1}
    kept = tuple(
        key
        for (kid, _), same in named.items()
        for key in same.values()
        if kid is None or len(same) == 1
    )
    return kept, tuple(DroppedKey(kid, "jwks.duplicate_kid") for kid in sorted(doubtful))


def read_freshness(response: HttpResponse) -> float:
    """
    Read the seconds for which a key set is fresh.

    Args:
        response: The response with the key set; its `Cache-Control: max-age` counts within bounds.

    Returns:
        Seconds, from 60 to 3600; 300 without a `max-age`, 60 for `no-store` and `no-cache`.
    """
    directives = ",".join(response.header_values("Cache-Control")).lower()
    found = _MAX_AGE.search(directives)
    seconds = float(found[1]) if found else DEFAULT_FRESH
    if "no-store" in directives or "no-cache" in directives:
        seconds = 0.0
    return min(max(seconds, _SHORTEST_FRESH), _LONGEST_FRESH)
