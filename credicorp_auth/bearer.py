"""
One request of the user's own HTTP client, on its way with our token.

Every stack's `BearerAuth` drives this object, so what happens on a 401, on a redirect and at a
foreign origin is written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from credicorp_auth.errors import OriginNotAllowed
from credicorp_auth.oauth.challenge import asks_for_new_token
from credicorp_auth.oauth.http import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from credicorp_auth.oauth.destinations import Destinations
    from credicorp_auth.oauth.scope import Scope
    from credicorp_auth.oauth.token import AccessToken

_UNAUTHORIZED = 401


class TokenSource(Protocol):
    """What a call needs of the engine."""

    def get_token(
        self, scope: Scope | str | Iterable[str] | None = None, *, timeout: float | None = None
    ) -> AccessToken:
        """Return a usable token."""
        ...

    async def aget_token(
        self,
        scope: Scope | str | Iterable[str] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - ends this wait alone, not what it waits for
    ) -> AccessToken:
        """Return a usable token, awaiting it."""
        ...

    def reject(self, token: AccessToken) -> bool:
        """Take note of a 401; say whether the request may be sent once more."""
        ...

    def accept(self, token: AccessToken, scope: Scope | str | Iterable[str] | None) -> None:
        """Take note of an answer other than 401."""
        ...


class BearerCall:
    """
    A request that carries the token, from the first attempt to the last answer.

    Args:
        tokens: Where tokens come from.
        destinations: Where they may go.
        url: Where the request starts.
        scope: What its token must be good for; None for the default scope.

    Raises:
        OriginNotAllowed: The request starts at a foreign origin, or over plain http beyond
            loopback; nothing may be sent.
        InvalidSetting: The address is no http or https address that can be read in one way only.

    .. versionadded:: 1.0.0
    """

    __slots__ = ("_destinations", "_replayed", "_scope", "_token", "_tokens")

    def __init__(
        self,
        tokens: TokenSource,
        destinations: Destinations,
        url: str,
        scope: Scope | str | Iterable[str] | None = None,
    ) -> None:
        self._tokens = tokens
        self._destinations = destinations
        self._scope = scope
        self._token: AccessToken | None = None
        self._replayed = False
        # The first half of `allow`, here: a call less on the way of nearly every request.
        if not url.startswith(destinations.homes) and not destinations.allow(url):
            origin = origin_of(url)
            raise OriginNotAllowed(f"a request to {origin} may not carry the token", origin=origin)

    def allows(self, url: str) -> bool:
        """Say whether the token may go to `url`, for each hop of a redirect."""
        return self._destinations.allow(url)

    def header(self) -> str:
        """
        Return the Authorization header for the next attempt.

        Raises:
            CredicorpAuthError: No token can be had; the request must not be sent.
        """
        self._token = self._tokens.get_token(self._scope)
        return self._token.header()

    async def aheader(self) -> str:
        """Return the Authorization header for the next attempt, awaiting the token."""
        self._token = await self._tokens.aget_token(self._scope)
        return self._token.header()

    def answered(self, status: int, challenges: Sequence[str], *, replayable: bool) -> bool:
        """
        Take note of the answer to an attempt that carried the token.

        Args:
            status: HTTP status code.
            challenges: The values of its `WWW-Authenticate` headers.
            replayable: Whether the request could be sent again, body and all.

        Returns:
            Whether to send it once more, with a new `header()`.
        """
        if self._token is None:
            return False
        if status != _UNAUTHORIZED:
            self._tokens.accept(self._token, self._scope)
            return False
        if not asks_for_new_token(challenges):
            return False
        allowed = self._tokens.reject(self._token)
        again = allowed and replayable and not self._replayed
        self._replayed = True
        return again
