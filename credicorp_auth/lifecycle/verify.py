"""Examining a token: the story of one look at it, with the keys at hand."""

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
    What a caller wants to know of a token.

    Args:
        text: The token.
        audience: Whom it must be meant for.
        required: What it must be good for.
    """

    text: str = field(repr=False)
    audience: str
    required: Scope


class VerificationRuntime(Protocol):
    """What examining needs from outside."""

    def now(self) -> Instant:
        """Return the time by both clocks."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Tell observers and the log."""
        ...

    def keys(self) -> KeySet:
        """Return the keys at hand; raise `KeysUnavailable` where there are none."""
        ...

    def remember(self, text: str, claims: Claims, keys: KeySet) -> None:
        """Keep what a token says, once it was verified with these keys."""
        ...


def examine_token(
    question: Question,
    token: CompactToken,
    policy: VerificationPolicy,
    runtime: VerificationRuntime,
) -> Claims:
    """
    Verify a token with the keys at hand.

    What a token says is remembered before it is compared with what this caller asks for: the next
    one may ask for something else.

    Args:
        question: What a caller wants to know.
        token: The token of the question, taken apart by `read_token`.
        policy: What makes a token trustworthy.
        runtime: The keys and the clocks.

    Raises:
        VerificationFailed: It cannot be trusted, or is not for this. With `verify.kid`, and with
            `KeysUnavailable`, newer keys may help.
    """
    keys = runtime.keys()
    key = choose_key(token, keys, runtime)
    claims = verify_token(token, key, policy, now=runtime.now().wall)
    runtime.remember(question.text, claims, keys)
    verify_audience(claims, question.audience)
    verify_scope(claims, question.required)
    return claims


def choose_key(token: CompactToken, keys: KeySet, runtime: VerificationRuntime) -> VerificationKey:
    """Choose the key that a token names; tell where there is none."""
    try:
        return keys.choose(token.kid, token.algorithm)
    except UnknownKey as unknown:
        kid = None if token.kid is None else escape_untrusted(token.kid, (), limit=_SHOWN_KID)
        runtime.emit("token.key_unknown", code=unknown.code, kid=kid)
        raise
