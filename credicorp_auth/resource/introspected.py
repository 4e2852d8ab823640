"""Introspecting verifier: detects revoked tokens and supports opaque ones (RFC 7662)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import ScopeMissing, TokenInactive, UnsupportedTokenType
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.resource.verifier import check_overrides

if TYPE_CHECKING:
    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth.jose.claims import Claims
    from credicorp_auth.oauth.introspection import Introspection

_NO_AUDIENCE: Final = "introspection.aud_missing"


class IntrospectingVerifier:
    """
    Verifies tokens by introspection (RFC 7662).

    It fails closed: without a response it raises an error. Responses are cached for a minute, so a
    revoked token is refused after a minute at the latest.

    Args:
        auth: The service's own client at the authorization server. The caller closes it.
        locally_first: Whether to verify signature, audience and scope before the server is asked,
            so that invalid tokens cause no request. This needs the `issuer` and `audience` settings
            of `auth`. Set it to False for opaque tokens. If `introspection_audience` is `required`,
            the response must then name the audience.

    Raises:
        InvalidSetting: The class of `auth` overrides only one of a method and its async form
            (`config.verifier_override`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, auth: CredicorpAuth, *, locally_first: bool = True) -> None:
        check_overrides(auth, "verify", "averify")
        check_overrides(auth, "introspect", "aintrospect")
        self._auth, self._locally_first = auth, locally_first

    def verify(
        self, token: str, *, required_scope: Scope | str | None = None
    ) -> Claims | Introspection:
        """
        Verify a token.

        Args:
            token: The token: the part after `Bearer` in a request's `Authorization` header.
            required_scope: The scope it must cover; by default none.

        Returns:
            The claims of the token if it is verified locally first; else the server's response.

        Raises:
            VerificationFailed: The token is not valid. Log `.code`; do not send it to the caller.
            CredicorpAuthError: The server did not respond.
        """
        claims: Claims | None = None
        response: Introspection | UnsupportedTokenType
        try:
            if self._locally_first:
                claims = self._auth.verify(token, required_scope=required_scope)
            response = self._auth.introspect(token)
            if claims is not None and response.code == _NO_AUDIENCE:
                response = self._auth.introspect(token, audience_verified=True)
        except UnsupportedTokenType as error:
            response = error
        finally:
            del token  # keep it out of an error's traceback
        return _judge(response, claims, Scope(required_scope))

    async def averify(
        self, token: str, *, required_scope: Scope | str | None = None
    ) -> Claims | Introspection:
        """Verify a token, awaiting the server if it must be asked; see `verify`."""
        claims: Claims | None = None
        response: Introspection | UnsupportedTokenType
        try:
            if self._locally_first:
                claims = await self._auth.averify(token, required_scope=required_scope)
            response = await self._auth.aintrospect(token)
            if claims is not None and response.code == _NO_AUDIENCE:
                response = await self._auth.aintrospect(token, audience_verified=True)
        except UnsupportedTokenType as error:
            response = error
        finally:
            del token  # keep it out of an error's traceback
        return _judge(response, claims, Scope(required_scope))


def _judge(
    response: Introspection | UnsupportedTokenType, claims: Claims | None, required: Scope
) -> Claims | Introspection:
    if isinstance(response, UnsupportedTokenType):
        if claims is not None:
            raise response
        # Callers may send any text: a token of a type that the server does not support is not its
        # own.
        raise TokenInactive("the authorization server does not take the token", code=response.code)
    if response.code == _NO_AUDIENCE:
        raise TokenInactive(
            "the authorization server does not say for whom the token is meant",
            code=response.code,
            hint="have the server state `aud`, or set `introspection_audience` to `if_present`.",
        )
    if not response.active:
        raise TokenInactive(
            "the authorization server says that it is not active", code=response.code
        )
    stated = response.scope if claims is None or "scope" in response else claims.scope
    if not stated.covers(required):
        raise ScopeMissing(
            f"the token does not cover the required scope {str(required)!r}",
            required=required.words,
        )
    return response if claims is None else claims
