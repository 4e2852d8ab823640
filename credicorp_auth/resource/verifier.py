"""Verifier interface, by which a guard verifies tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from credicorp_auth.errors import InvalidSetting

if TYPE_CHECKING:
    from credicorp_auth.oauth.scope import Scope

Proof = TypeVar("Proof", covariant=True)  # noqa: PLC0105 - it is public as `Proof`
"""Return type of a verifier: `Claims`, an `Introspection`, or a type of your own."""


class Verifier(Protocol[Proof]):
    """
    Verifies tokens: `TokenVerifier`, `CredicorpAuth`, or a class of your own.

    Both methods return a proof, such as the claims, and raise a `CredicorpAuthError` for a token
    that is not accepted: a `VerificationFailed` if the token itself is invalid. A false return
    value, such as None, proves nothing: the request is refused. Synchronous frameworks call
    `verify`. Asynchronous ones call `averify`, which must not block the event loop. So a subclass
    overrides both.

    .. versionadded:: 1.0.0
    """

    def verify(self, token: str, *, required_scope: Scope | None) -> Proof:
        """Verify a token."""
        ...

    async def averify(self, token: str, *, required_scope: Scope | None) -> Proof:
        """Verify a token, awaiting any fetch that it needs."""
        ...


def check_verifier(verifier: object) -> None:
    """
    Reject an object that cannot verify tokens.

    Raises:
        InvalidSetting: It is a class, or has neither `verify` nor `averify`
            (`config.guard_verifier`), or its class overrides only one of them
            (`config.verifier_override`).
    """
    methods = [getattr(verifier, name, None) for name in ("verify", "averify")]
    if isinstance(verifier, type) or not any(map(callable, methods)):
        raise InvalidSetting(
            f"a guard cannot verify tokens by {type(verifier).__name__}",
            code="config.guard_verifier",
            hint="pass a `TokenVerifier`, or an object with the methods `verify` and `averify`.",
        )
    check_overrides(verifier, "verify", "averify")


def check_overrides(verifier: object, method: str, async_method: str) -> None:
    """
    Reject an object whose class overrides only one of two methods.

    Asynchronous frameworks would silently skip a check that only `verify` makes.

    Raises:
        InvalidSetting: One of them is overridden and the other inherited
            (`config.verifier_override`).
    """
    pair = {method, async_method}
    defined = [own for kind in type(verifier).__mro__ if (own := pair & vars(kind).keys())]
    if not defined or pair == defined[0]:
        return
    (overridden,), (inherited,) = defined[0], pair - defined[0]
    if pair == next((own for own in defined if inherited in own), None):
        raise InvalidSetting(
            f"{type(verifier).__name__} overrides `{overridden}` and inherits `{inherited}`",
            code="config.verifier_override",
            hint=(
                f"override both: synchronous frameworks call `{method}`, "
                f"asynchronous ones `{async_method}`."
            ),
        )
