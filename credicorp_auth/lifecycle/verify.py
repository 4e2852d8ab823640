"""Verification of one token with the cached keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import field, frozen

from credicorp_auth.errors import UnknownKey
from credicorp_auth.http.untrusted_text import escape_untrusted
from credicorp_auth.jose.claims import verify_audience, verify_scope
from credicorp_auth.jose.verification import verify_token

if TYPE_CHECKING:
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.jose.compact import CompactToken
    from credicorp_auth.jose.key_set import KeySet
    from credicorp_auth.jose.verification import VerificationPolicy
    from credicorp_auth.jose.verification_key import VerificationKey
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.oauth.scope import Scope

_SHOWN_KID = 64  # characters


@frozen
class Question:
    """
    A token to verify, and the caller's requirements.

    Args:
        text: The token.
        audience: The required audience.
        required: The required scope.
    """

    text: str = field(repr=False)
    audience: str
    required: Scope


class VerificationRuntime(Protocol):
    """Runtime port of verification: clocks, keys, verified-token cache, events."""

    def now(self) -> Instant:
        """Return the current time by both clocks."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to observers and the log."""
        ...

    def keys(self) -> KeySet:
        """Return the cached keys; raise `KeysUnavailable` if there are none."""
        ...

    def remember(self, text: str, claims: Claims, keys: KeySet) -> None:
        """Cache the claims of a token that was verified with these keys."""
        ...


def verify_with_cached_keys(
    question: Question,
    token: CompactToken,
    policy: VerificationPolicy,
    runtime: VerificationRuntime,
) -> Claims:
    """
    Verify a token's signature, issuer, times, audience and scope with the cached keys.

    The claims are cached before audience and scope are compared, since the next caller may require
    others.

    Args:
        question: The token text and the caller's requirements.
        token: The same token, parsed by `read_token`.
        policy: The requirements for a trusted token.
        runtime: The runtime with the keys and the clocks.

    Raises:
        VerificationFailed: The token is not valid, or not for this audience or scope. After
            `verify.kid`, newer keys may help.
        KeysUnavailable: There are no usable keys; fetching them may help.
    """
    keys = runtime.keys()
    key = choose_key(token, keys, runtime)
    claims = verify_token(token, key, policy, now=runtime.now().wall)
    runtime.remember(question.text, claims, keys)
    verify_audience(claims, question.audience)
    verify_scope(claims, question.required)
    return claims


def choose_key(token: CompactToken, keys: KeySet, runtime: VerificationRuntime) -> VerificationKey:
    """Choose the key that a token names; emit `token.key_unknown` if there is none."""
    try:
        return keys.choose(token.kid, token.algorithm)
    except UnknownKey as unknown:
        kid = None if token.kid is None else escape_untrusted(token.kid, (), limit=_SHOWN_KID)
        runtime.emit("token.key_unknown", code=unknown.code, kid=kid)
        raise
