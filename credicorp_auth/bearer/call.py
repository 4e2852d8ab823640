"""
Authorized request of a user's own HTTP client.

The bearers of all HTTP clients use this module, so that the rules for a 401, a redirect and another
origin are written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypedDict

from credicorp_auth.errors import OriginNotAllowed
from credicorp_auth.http.challenge import Verdict, first_pause_after
from credicorp_auth.http.messages import origin_of

if TYPE_CHECKING:
    from typing import Unpack

    from credicorp_auth.http.allowed_origins import AllowedOrigins
    from credicorp_auth.oauth.scope import RequestedScope
    from credicorp_auth.oauth.token import AccessToken, CarriedTokens

_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


Names = str | bytes | Sequence[str | bytes] | None


class RequestNames(TypedDict, total=False):
    """
    Names of the server that a request states in addition to the host of its URL.

    Args:
        host: The explicit `Host` headers of the request; None if it has none.
        server_name: The names that TLS sends and verifies, if they differ from the host of the URL.
    """

    host: Names
    server_name: Names


class TokenSource(Protocol):
    """Source of the tokens."""

    @property
    def reports(self) -> Reports:
        """The receiver of the bearer's reports."""
        ...

    def get_token(
        self, scope: RequestedScope = None, *, timeout: float | None = None
    ) -> AccessToken:
        """Return a usable token."""
        ...

    async def aget_token(
        self,
        scope: RequestedScope = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - ends this wait alone, not what it waits for
    ) -> AccessToken:
        """Return a usable token, awaiting it."""
        ...


class Reports(Protocol):
    """Receiver of a bearer's reports."""

    carried: CarriedTokens

    def reject(
        self, token: AccessToken, scope: RequestedScope, origin: str, *, first_pause: float
    ) -> Verdict:
        """Count a 401 to a token, and drop the token if a new one may help."""
        ...

    def report_replay(
        self, token: AccessToken, scope: RequestedScope, origin: str, *, first_pause: float | None
    ) -> None:
        """Count the response to a replay; `first_pause` is None if it was not a 401."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event."""
        ...


class BearerCall:
    """
    Request that carries the token, from the first attempt to the last response.

    Args:
        tokens: The source of the tokens.
        allowed_origins: The origins that tokens may be sent to.
        url: The absolute address of the request.
        scope: The scope of its token; None for the default scope.
        **names: Further names of the server; each must be allowed as well.

    Raises:
        OriginNotAllowed: `url` or one of the names is outside the allowed origins, or is plain http
            beyond loopback. Do not send the request.
        InvalidSetting: `url` is not an unambiguous http or https address.

    .. versionadded:: 1.0.0
    """

    __slots__ = (
        "_allowed_origins",
        "_is_replay",
        "_may_replay",
        "_scope",
        "_token",
        "_tokens",
        "_url",
    )

    def __init__(
        self,
        tokens: TokenSource,
        allowed_origins: AllowedOrigins,
        url: str,
        scope: RequestedScope = None,
        **names: Unpack[RequestNames],
    ) -> None:
        self._tokens = tokens
        self._allowed_origins = allowed_origins
        self._url = url
        self._scope = scope
        self._token: AccessToken | None = None
        self._may_replay = True
        self._is_replay = False
        # The first half of `allows`, inlined: it saves a call for nearly every request.
        if not url.startswith(allowed_origins.prefixes) and not allowed_origins.allows(url):
            origin = origin_of(url)
            raise OriginNotAllowed(f"a request to {origin} may not carry the token", origin=origin)
        if names and (refused := self._refused_name(url, **names)) is not None:
            name = ascii(refused)[:100]
            raise OriginNotAllowed(
                f"a request to {origin_of(url)} under the name {name} may not carry the token",
                origin=name,
                hint="leave the name out, or add its origin to `allowed_origins` as well.",
            )

    def allows(self, url: str, **names: Unpack[RequestNames]) -> bool:
        """
        Return whether a hop of a redirect may carry the token.

        Only hops to the origin of the first request may. A client that dropped the header at
        another origin does not add it again on a later hop.

        Args:
            url: The absolute address of the hop.
            **names: As for the request itself.
        """
        return (
            self._allowed_origins.allows(url)
            and origin_of(url) == origin_of(self._url)
            and (not names or self._refused_name(url, **names) is None)
        )

    def header(self) -> str:
        """
        Return the Authorization header for the next attempt.

        Raises:
            CredicorpAuthError: There is no token; the request must not be sent.
        """
        self._token = token = self._tokens.get_token(self._scope)
        carried = self._tokens.reports.carried
        if token is not carried.latest:
            carried.add(token)
        return token.header()

    async def aheader(self) -> str:
        """Return the Authorization header for the next attempt, awaiting the token."""
        self._token = token = await self._tokens.aget_token(self._scope)
        carried = self._tokens.reports.carried
        if token is not carried.latest:
            carried.add(token)
        return token.header()

    def on_response(self, status: int, challenges: Sequence[str], *, replayable: bool) -> bool:
        """
        Report the response to an attempt that carried the token.

        Args:
            status: HTTP status code.
            challenges: The values of its `WWW-Authenticate` headers; they matter for a 401 only.
            replayable: Whether the request, including its body, can be sent again.

        Returns:
            Whether to send it once more, with a new `header()`. Report the response to that as
            well: only it shows whether the new token helped.
        """
        token = self._token
        if token is None:
            return False
        if status != _UNAUTHORIZED:
            # A redirect decides nothing yet; the response at its end does.
            if self._is_replay and status not in _REDIRECTS:
                self._report_replay(token, None)
            return False
        first_pause = first_pause_after(challenges)
        if first_pause is None:
            return False
        if self._is_replay:
            self._report_replay(token, first_pause)
            return False
        origin = origin_of(self._url)
        verdict = self._tokens.reports.reject(token, self._scope, origin, first_pause=first_pause)
        if verdict is Verdict.KEPT or not (replayable and self._may_replay):
            return False
        self._may_replay = False
        self._is_replay = verdict is Verdict.DROPPED
        return True

    def report_replaced_header(self) -> None:
        """Report that the token replaced an `Authorization` header of the caller."""
        self._tokens.reports.emit("bearer.header_replaced", origin=origin_of(self._url))

    def _report_replay(self, token: AccessToken, first_pause: float | None) -> None:
        self._is_replay = False
        origin = origin_of(self._url)
        self._tokens.reports.report_replay(token, self._scope, origin, first_pause=first_pause)

    def _refused_name(self, url: str, host: Names = None, server_name: Names = None) -> str | None:
        for names, allows in (
            (host, self._allowed_origins.allow_host),
            (server_name, self._allowed_origins.allow_server_name),
        ):
            for name in [names] if isinstance(names, str | bytes) else names or ():
                text = name.decode("latin-1") if isinstance(name, bytes) else name
                if not allows(url, text):
                    return text
        return None
