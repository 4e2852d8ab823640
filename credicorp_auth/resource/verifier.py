"""The interface of what verifies tokens for a guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from credicorp_auth.oauth.scope import Scope

Proof = TypeVar("Proof", covariant=True)  # noqa: PLC0105 - it is public as `Proof`
"""What a verifier returns of a good token: `Claims`, an `Introspection`, or a type of your own."""


class Verifier(Protocol[Proof]):
    """
    Verifies tokens: `TokenVerifier`, `CredicorpAuth`, or a class of your own.

    Both methods return what the token says, and raise a `CredicorpAuthError` unless it is good:
    a `VerificationFailed` if that is the token's fault. A return value that is false, such as
    None, proves nothing: the request is refused. `averify` does not block the event loop.

    .. versionadded:: 1.0.0
    """

    def verify(self, token: str, *, required_scope: Scope | None) -> Proof:
        """Verify a token."""
        ...

    async def averify(self, token: str, *, required_scope: Scope | None) -> Proof:
        """Verify a token, awaiting what must be fetched for it."""
        ...
