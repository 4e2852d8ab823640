"""
Token source of a bearer: the methods of an auth object, and its engine's reports of 401s.

A bearer calls the auth object itself, so that a subclass that overrides `get_token` or
`aget_token` is called for each request, as in a direct call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from credicorp_auth.engine.tokens.token_engine import TokenEngine
    from credicorp_auth.oauth.scope import RequestedScope
    from credicorp_auth.oauth.token import AccessToken


class _Tokens(Protocol):
    def get_token(
        self, scope: RequestedScope = None, *, timeout: float | None = None
    ) -> AccessToken: ...

    async def aget_token(
        self,
        scope: RequestedScope = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as the method that is called
    ) -> AccessToken: ...


class TokenSource:
    """
    Source of the tokens of a bearer's requests.

    Args:
        auth: The object whose `get_token` and `aget_token` are called, looked up at each call.
        engine: The engine that receives the bearer reports.
    """

    __slots__ = ("_auth", "reports")

    def __init__(self, auth: _Tokens, engine: TokenEngine) -> None:
        self._auth = auth
        self.reports = engine.reports

    def get_token(
        self, scope: RequestedScope = None, *, timeout: float | None = None
    ) -> AccessToken:
        """Return a usable token."""
        return self._auth.get_token(scope, timeout=timeout)

    async def aget_token(
        self,
        scope: RequestedScope = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - as the method that is called
    ) -> AccessToken:
        """Return a usable token, awaiting it."""
        return await self._auth.aget_token(scope, timeout=timeout)
