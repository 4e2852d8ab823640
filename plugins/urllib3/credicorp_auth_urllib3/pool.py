"""A `urllib3.PoolManager` whose requests carry the token, wherever it may go and nowhere else."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final, Self

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager

from credicorp_auth.body import Body
from credicorp_auth.errors import InvalidSetting, OriginNotAllowed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from credicorp_auth import BearerCall, CredicorpAuth, Scope

_HEADER: Final = "Authorization"
_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = 300
_TO_BE_CONTINUED: Final = frozenset({_UNAUTHORIZED, *BaseHTTPResponse.REDIRECT_STATUSES})
_NO_BODY: Final = Body()
_DRAINED: Final = 64 * 1024  # bytes of a 401 worth reading to keep its connection


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
        auth: CredicorpAuth,
        num_pools: int = 10,
        headers: Mapping[str, str] | None = None,
        **connection_pool_kw: Any,  # noqa: ANN401 # urllib3's own
    ) -> None:
        super().__init__(num_pools, headers, **connection_pool_kw)
        self._auth = auth
        self._lender: PoolManager | None = None

    @classmethod
    def around(cls, auth: CredicorpAuth, manager: PoolManager) -> Self:
        """
        Put the same behaviour around a pool manager of the caller's, such as a `ProxyManager`.

            http = BearerPoolManager.around(auth, ProxyManager("http://proxy.example:3128"))

        Args:
            auth: A `CredicorpAuth`.
            manager: Whose connections, default headers and retries are used. It goes on working as
                before, and is not cleared by `clear()` of the new one.

        Raises:
            InvalidSetting: It would show https requests to its proxy, token included
                (`config.proxy_forwarding`).
        """
        if manager.proxy_config is not None and manager.proxy_config.use_forwarding_for_https:
            raise InvalidSetting(
                "the pool manager forwards https requests, so that its proxy reads the token",
                code="config.proxy_forwarding",
                cure="make the `ProxyManager` without `use_forwarding_for_https`.",
            )
        made = cls(auth, headers=manager.headers)
        made._lender, made.proxy, made.proxy_config = manager, manager.proxy, manager.proxy_config
        made.connection_from_host = manager.connection_from_host  # type: ignore[method-assign] # lent
        return made

    def urlopen(  # type: ignore[override] # as PoolManager's own
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 # as PoolManager's own
        *,
        scope: Scope | str | Iterable[str] | None = None,
        headers: Mapping[str, str] | None = None,
        **kw: Any,  # noqa: ANN401 # as PoolManager's own
    ) -> BaseHTTPResponse:
        """
        Send one request, and follow its redirects.

        Args:
            method: HTTP method.
            url: Absolute address.
            redirect: Whether redirects are followed.
            scope: What this request's token must be good for; None for the scope `auth` was made
                with.
            headers: In place of the manager's own.
            kw: As for `urllib3.PoolManager.urlopen`.

        Raises:
            OriginNotAllowed: The token may not go to the origin of `url`; nothing was sent.
            CredicorpAuthError: No token can be had; nothing was sent.
        """
        wanted = headers or self.headers
        sent = _copy(wanted) if wanted else {}
        if sent and any(name.lower() == "authorization" for name in sent):
            lend = super().urlopen if self._lender is None else self._lender.urlopen
            return lend(method, url, redirect, headers=sent, **kw)
        call = self._auth.call(url, scope)
        if self.proxy is not None and url[:5].lower() == "http:":
            raise OriginNotAllowed(
                "the proxy would read the token of a request over http",
                origin=url.partition("?")[0],
                cure="send it without the proxy: http is for loopback only.",
            )
        sent[_HEADER] = call.header()
        body = _NO_BODY
        if "body" in kw and (body := Body(kw["body"])).position is not None:
            # Where urllib3 winds a file back to, on redirects and for us.
            kw.setdefault("body_pos", body.position)
        # Redirects and refusals are another matter; for most requests, this is all.
        answer = PoolManager.urlopen(self, method, url, redirect=False, headers=sent, **kw)
        if answer.status < _REDIRECTS or answer.status not in _TO_BE_CONTINUED:
            call.answered(answer.status, (), replayable=False)
            return answer
        journey = _Journey(self, call, body, answer)
        return journey.urlopen(method, url, redirect, headers=sent, **kw)


class _Journey(PoolManager):
    """
    One request on its way through all its redirects, from its first answer on.

    `PoolManager.urlopen` calls itself for each hop. On an object of its own, which borrows the
    connections, what one request must remember is not mixed up with that of another thread.
    """

    def __init__(
        self, lender: PoolManager, call: BearerCall, body: Body, answer: BaseHTTPResponse
    ) -> None:
        # Not made as a pool manager is made: it has no pools, and lives for one request.
        self.proxy, self.proxy_config = lender.proxy, lender.proxy_config
        self._borrow = lender.connection_from_host
        self._answer: BaseHTTPResponse | None = answer
        self._call, self._body = call, body
        self._hops = 0
        self._has_repeated = False

    def connection_from_host(self, *place: Any, **more: Any) -> Any:  # noqa: ANN401 # urllib3's own
        pool, answer = self._borrow(*place, **more), self._answer
        self._answer = None
        if answer is None:
            return pool
        # Asked already. A copy, since errors name the pool they came from, and keep it.
        asked = copy(pool)
        vars(asked)["urlopen"] = lambda *_, **__: answer
        return asked

    def urlopen(  # type: ignore[override] # as PoolManager's own
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 # as PoolManager's own
        **kw: Any,  # noqa: ANN401 # as PoolManager's own
    ) -> BaseHTTPResponse:
        self._hops += 1
        hop = self._hops
        headers = kw["headers"]
        if hop > 1:
            headers = kw["headers"] = _copy(headers)
            if not self._call.allows(url):
                # What is dropped here is missing from every later hop, also from those back home.
                headers.pop(_HEADER, None)
        while True:
            answer = super().urlopen(method, url, redirect, **kw)
            if hop != self._hops or _HEADER not in headers:
                # Another hop gave this answer, or our token was not what it is about.
                return answer
            if not self._must_repeat(answer, kw):
                return answer
            self._has_repeated = True
            _free_connection(answer)
            headers[_HEADER] = self._call.header()

    def _must_repeat(self, answer: BaseHTTPResponse, kw: Mapping[str, Any]) -> bool:
        if answer.status != _UNAUTHORIZED:
            return self._call.answered(answer.status, (), replayable=False)
        # A redirect may have taken the body away.
        can = self._body.is_replayable or kw.get("body") is None
        replayable = can and not self._has_repeated
        challenges = answer.headers.getlist("WWW-Authenticate")
        return self._call.answered(answer.status, challenges, replayable=replayable) and replayable


def _copy(headers: Mapping[str, str]) -> MutableMapping[str, str]:
    # A plain dict costs a request less, and is what most callers give.
    if type(headers) is dict or not isinstance(headers, HTTPHeaderDict):
        return dict(headers)
    return HTTPHeaderDict(headers)


def _free_connection(answer: BaseHTTPResponse) -> None:
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _DRAINED:
        answer.drain_conn()
        answer.release_conn()
    else:
        answer.close()
