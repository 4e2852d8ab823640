"""A `urllib3.PoolManager` whose requests carry the token, wherever it may go and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from urllib3 import HTTPHeaderDict, PoolManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool

_HEADER: Final = "Authorization"


class BearerCall(Protocol):
    """One request to a resource, as credicorp-auth accompanies it."""

    def header(self) -> str:
        """Return `Bearer …`, waiting for a token where there is none; raises if none can be had."""
        ...

    def allows(self, url: str) -> bool:
        """Say whether the header may stay on a redirect hop to `url`."""
        ...

    def answered(self, status: int, challenges: list[str], *, replayable: bool) -> bool:
        """Report an answer; say whether the same request should be sent once more."""
        ...


class BearerSource(Protocol):
    """What `BearerPoolManager` asks of a `CredicorpAuth`."""

    def call(self, url: str, scope: Any = None) -> BearerCall:  # noqa: ANN401 # what Scope accepts
        """Start one request; raises `OriginNotAllowed` where no token may go."""
        ...


class BearerPoolManager(PoolManager):
    """
    A pool manager each of whose requests carries a bearer token.

        http = BearerPoolManager(auth)
        http.request("GET", f"{base_url}/decisions/7", scope="decisions:read")

    A request is sent with a token or not at all. A 401 that a new token may cure is answered by
    sending the same request once more, if its body can be sent twice. A redirect to another origin
    is followed without the token. A request with an `Authorization` header of the caller's own is
    passed on as it is.

    Args:
        auth: A `CredicorpAuth`, which this object uses and does not close.
        num_pools: As for `urllib3.PoolManager`.
        headers: As for `urllib3.PoolManager`.
        connection_pool_kw: As for `urllib3.PoolManager`.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        auth: BearerSource,
        num_pools: int = 10,
        headers: Mapping[str, str] | None = None,
        **connection_pool_kw: Any,  # noqa: ANN401 # urllib3's own
    ) -> None:
        super().__init__(num_pools, headers, **connection_pool_kw)
        self._auth = auth

    def urlopen(  # type: ignore[override] # as PoolManager's own
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 # as PoolManager's own
        **kw: Any,  # noqa: ANN401 # as PoolManager's own
    ) -> BaseHTTPResponse:
        """
        Send one request, and follow its redirects.

        Args:
            method: HTTP method.
            url: Absolute address.
            redirect: Whether redirects are followed.
            kw: As for `urllib3.PoolManager.urlopen`; and `scope`, what this request's token must
                be good for, where that is not what `auth` was made with.

        Raises:
            OriginNotAllowed: The token may not go to the origin of `url`; nothing was sent.
            CredicorpAuthError: No token can be had; nothing was sent.
        """
        scope = kw.pop("scope", None)
        headers = HTTPHeaderDict(kw.get("headers") or self.headers)
        if _HEADER in headers:
            return super().urlopen(method, url, redirect, **kw)
        call = self._auth.call(url, scope=scope)
        headers[_HEADER] = call.header()
        body_position = _read_position(kw.get("body"))
        if body_position is not None:
            kw.setdefault("body_pos", body_position)
        return _Journey(self, call).urlopen(method, url, redirect, **{**kw, "headers": headers})


def _read_position(body: object) -> int | None:
    """Return where a file that can be sent twice stands now; None for any other body."""
    seekable = getattr(body, "seekable", None)
    if seekable is None or not seekable():
        return None
    position: int = getattr(body, "tell")()  # noqa: B009 # what can seek can tell
    return position


class _Journey(PoolManager):
    """
    One request on its way through all its redirects.

    `PoolManager.urlopen` calls itself for each hop. On an object of its own, which borrows the
    connections, what one request must remember is not mixed up with that of another thread.
    """

    def __init__(self, lender: PoolManager, call: BearerCall) -> None:
        super().__init__()
        self._lender = lender
        self._call = call
        self._hops = 0
        self._has_repeated = False

    def connection_from_host(self, *place: Any, **more: Any) -> HTTPConnectionPool:  # noqa: ANN401
        return self._lender.connection_from_host(*place, **more)

    def urlopen(  # type: ignore[override] # as PoolManager's own
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 # as PoolManager's own
        **kw: Any,  # noqa: ANN401 # as PoolManager's own
    ) -> BaseHTTPResponse:
        self._hops += 1
        hop = self._hops
        headers = kw["headers"] = HTTPHeaderDict(kw["headers"])
        if not self._call.allows(url):
            # What is dropped here is missing from every later hop, also from those back home.
            headers.discard(_HEADER)
        while True:
            answer = super().urlopen(method, url, redirect, **kw)
            if hop != self._hops or _HEADER not in headers:
                # Another hop gave this answer, or our token was not what it is about.
                return answer
            if not self._must_repeat(answer, kw):
                return answer
            self._has_repeated = True
            answer.drain_conn()
            answer.release_conn()
            headers[_HEADER] = self._call.header()

    def _must_repeat(self, answer: BaseHTTPResponse, kw: Mapping[str, Any]) -> bool:
        replayable = not self._has_repeated and _is_replayable(kw)
        challenges = answer.headers.getlist("WWW-Authenticate")
        return self._call.answered(answer.status, challenges, replayable=replayable) and replayable


def _is_replayable(kw: Mapping[str, Any]) -> bool:
    # A file is, since `urlopen` has noted where to wind it back to.
    is_whole = isinstance(kw.get("body"), str | bytes | bytearray | None)
    return is_whole or isinstance(kw.get("body_pos"), int)
