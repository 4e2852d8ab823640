"""Request of a pool manager with a token: its redirects and its retry after a 401."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Final

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth import BearerCall
    from credicorp_auth.bearer.body import Body

HEADER: Final = "Authorization"
_UNAUTHORIZED: Final = 401
_DRAINED: Final = 64 * 1024  # bytes of a 401 worth reading to keep its connection


class BorrowedPools(PoolManager):
    """
    A plain pool manager on the connections of another.

    `PoolManager.urlopen` calls itself for each hop of a redirect. On a separate object, the second
    hop is not mistaken for a new request of the lender.

    Args:
        lender: The pool manager whose connections are used.
    """

    def __init__(self, lender: PoolManager) -> None:
        # Does not call `super().__init__`: it has no pools, and serves one request.
        self.proxy, self.proxy_config = lender.proxy, lender.proxy_config
        self._borrow = lender.connection_from_host

    def connection_from_host(self, *place: Any, **more: Any) -> Any:  # noqa: ANN401 # urllib3's own
        """Return the lender's pool for a host."""
        return self._borrow(*place, **more)


class AuthorizedRequest(BorrowedPools):
    """
    One request, from its first response on.

    Args:
        lender: The pool manager that has sent it.
        call: The bearer call that supplies its token.
        body: Its body.
        response: Its first response.
    """

    def __init__(
        self, lender: PoolManager, call: BearerCall, body: Body, response: BaseHTTPResponse
    ) -> None:
        super().__init__(lender)
        self._response: BaseHTTPResponse | None = response
        self._call, self._body = call, body
        self._hops = 0
        self._is_retried = False

    def connection_from_host(self, *place: Any, **more: Any) -> Any:  # noqa: ANN401 # urllib3's own
        """Return the lender's pool for a host; the first time, one that returns the response."""
        pool, response = super().connection_from_host(*place, **more), self._response
        self._response = None
        if response is None:
            return pool
        # A copy, since errors keep a reference to their pool.
        asked = copy(pool)
        vars(asked)["urlopen"] = lambda *_, **__: response
        return asked

    def urlopen(  # type: ignore[override] # as PoolManager's own
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 # as PoolManager's own
        **kw: Any,  # noqa: ANN401 # as PoolManager's own
    ) -> BaseHTTPResponse:
        """Follow one hop; `PoolManager.urlopen` calls this again for the next."""
        self._hops += 1
        hop = self._hops
        headers = kw["headers"]
        if hop > 1:
            is_header_dict = isinstance(headers, HTTPHeaderDict)
            headers = kw["headers"] = (HTTPHeaderDict if is_header_dict else dict)(headers)
            if not self._call.allows(url):
                # Later hops copy these headers, so a redirect back does not restore the token.
                headers.pop(HEADER, None)
        while True:
            response = super().urlopen(method, url, redirect, **kw)
            if hop != self._hops or HEADER not in headers:
                # The response is of another hop, or of a request without our token.
                return response
            if not self._must_retry(response, kw):
                return response
            self._is_retried = True
            _free_connection(response)
            headers[HEADER] = self._call.header()

    def _must_retry(self, response: BaseHTTPResponse, kw: Mapping[str, Any]) -> bool:
        if response.status != _UNAUTHORIZED:
            return self._call.on_response(response.status, (), replayable=False)
        # A redirect may have removed the body.
        can = self._body.is_replayable or kw.get("body") is None
        replayable = can and not self._is_retried
        challenges = response.headers.getlist("WWW-Authenticate")
        again = self._call.on_response(response.status, challenges, replayable=replayable)
        return again and replayable


def _free_connection(response: BaseHTTPResponse) -> None:
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _DRAINED:
        response.drain_conn()
        response.release_conn()
    else:
        response.close()
