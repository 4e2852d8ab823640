"""Claims of a verified access token (RFC 9068 section 2.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from attrs import field, frozen

from credicorp_auth.errors import (
    Expired,
    InvalidSetting,
    NotYetValid,
    ScopeMissing,
    WrongAudience,
    WrongClaim,
)
from credicorp_auth.http.strict_json import freeze_members, read_time
from credicorp_auth.oauth.scope import Scope

_scope_of: Final = lru_cache(maxsize=256)(Scope)


@frozen
class TokenProfile:
    """
    A kind of token, as its header and its claims show it.

    Args:
        types: Allowed values of the header's `typ`, in lower case.
        texts: Names of the claims that must be text and not empty.
    """

    types: frozenset[str]
    texts: tuple[str, ...]


RFC9068: Final = TokenProfile(
    frozenset({"at+jwt", "application/at+jwt"}), ("sub", "client_id", "jti")
)
"""Access tokens of RFC 9068."""


@frozen(slots=False)  # without slots attrs sets the fields faster, and each token has nine
class Claims(Mapping[str, Any]):
    """
    The claims of a token whose signature, issuer, audience and times are verified.

    Also a read-only mapping of all claims by name; nested values are read-only, too.

    Args:
        issuer: The issuer (`iss`).
        subject: The subject (`sub`); the client in a client-credentials token.
        client_id: The client that the token was issued to.
        audience: The audiences (`aud`).
        scope: The granted scope; empty if the token states none.
        expires_at: Expiry in epoch seconds (`exp`).
        issued_at: Time of issue in epoch seconds (`iat`).
        token_id: The unique id of the token (`jti`).

    .. versionadded:: 1.0.0
    """

    issuer: str
    subject: str
    client_id: str
    audience: frozenset[str]
    scope: Scope
    expires_at: float
    issued_at: float
    token_id: str
    _members: Mapping[str, Any] = field(repr=False, hash=False)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def read_claims(
    members: Mapping[str, Any], profile: TokenProfile, *, now: float, leeway: float
) -> Claims:
    """
    Read the claims of a token whose signature and issuer are verified.

    Args:
        members: The members of its payload.
        profile: The kind of token that it must be.
        now: Current time in epoch seconds.
        leeway: Seconds by which the issuer's clock may differ from ours.

    Raises:
        Expired: `exp` is missing, not a time, or in the past (`verify.exp`).
        NotYetValid: `nbf` or `iat` is not a time or is in the future, or `iat` is missing
            (`verify.nbf`, `verify.iat`).
        WrongClaim: Another claim of the profile is missing or not text (`verify.claim`), or the
            token is bound to a key without proof of possession (`verify.cnf`).
        WrongAudience: `aud` is neither text nor a list of texts (`verify.aud`).
        ScopeMissing: `scope` is not a text of scope tokens (`verify.scope`).
    """
    expires_at = read_time(members.get("exp"))
    if expires_at is None or now >= expires_at + leeway:
        raise Expired("the token has expired, or its `exp` is not a time")
    issued_at = read_time(members.get("iat"))
    if issued_at is None or issued_at > now + leeway:
        raise NotYetValid("the token's `iat` is in the future, or is not a time", code="verify.iat")
    if "nbf" in members:
        not_before = read_time(members["nbf"])
        if not_before is None or not_before > now + leeway:
            raise NotYetValid("the token's `nbf` is in the future, or is not a time")
    if "cnf" in members:
        raise WrongClaim(
            "the token is bound to a key; only bearer tokens are accepted",
            code="verify.cnf",
            hint="configure the issuer to issue bearer tokens, not tokens bound to a key.",
        )
    for name in profile.texts:
        if not isinstance(members.get(name), str) or not members[name]:
            raise WrongClaim(f"the token's `{name}` is missing or not text")
    return Claims(
        members["iss"],
        members["sub"],
        members["client_id"],
        _read_audience(members.get("aud")),
        _read_scope(members.get("scope", "")),
        expires_at,
        issued_at,
        members["jti"],
        freeze_members(members),
    )


def verify_requirements(claims: Claims, audience: str, required: Scope) -> None:
    """
    Reject a token that is not meant for this use.

    Args:
        claims: The claims of a verified token.
        audience: The audience that it must have, compared character by character.
        required: The scope that it must cover.

    Raises:
        WrongAudience: The token is meant for another audience (`verify.aud`).
        ScopeMissing: The token lacks a word of the scope (`verify.scope`).
    """
    if audience not in claims.audience:
        raise WrongAudience("the token is meant for another audience")
    if not required.words <= claims.scope.words:
        raise ScopeMissing(
            f"the token does not cover the required scope {str(required)!r}",
            required=required.words,
        )


def _read_audience(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset((value,))
    if isinstance(value, list) and value:
        audiences = cast("list[object]", value)
        if all(isinstance(each, str) for each in audiences):
            return frozenset(cast("list[str]", audiences))
    raise WrongAudience("the token's `aud` is missing, or neither text nor a list of texts")


def _read_scope(value: object) -> Scope:
    try:
        scope = _scope_of(value) if isinstance(value, str) else None
    except InvalidSetting:
        scope = None
    if scope is None:
        raise ScopeMissing("the token's `scope` is not a text of scope tokens", required=())
    return scope
