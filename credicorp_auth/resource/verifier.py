"""What a face asks to be told whether a token is good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from credicorp_auth.oauth.scope import Scope


class Verifier(Protocol):
    """
    Whoever can say what a token is good for: `TokenVerifier`, `CredicorpAuth`, one of your own.

    Both methods return what the token says, and raise a `CredicorpAuthError` unless it is good:
    a `VerificationFailed` where that is the token's fault. To return None, or anything that is
    not true, proves nothing: nobody is let in. `averify` does not hold up the loop.

    .. versionadded:: 1.0.0
    """

    def verify(self, token: str, *, required_scope: Scope | None) -> object:
        """Verify a token."""
        ...

    async def averify(self, token: str, *, required_scope: Scope | None) -> object:
        """Verify a token, awaiting what must be fetched for it."""
        ...
