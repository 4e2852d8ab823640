"""`urllib3.PoolManager` that attaches the token to requests to allowed origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager
from urllib3.util import SKIP_HEADER, parse_url

from credicorp_auth.bearer.body import Body
from credicorp_auth.bearer.existing_header import ExistingHeader
from credicorp_auth.errors import InvalidSetting, OriginNotAllowed
from credicorp_auth_urllib3.authorized_request import HEADER, AuthorizedRequest, BorrowedPools

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from credicorp_auth import BearerCall, CredicorpAuth, Scope
    from credicorp_auth.bearer.existing_header import Existing

_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = 300
_TO_BE_CONTINUED: Final = frozenset({_UNAUTHORIZED, *BaseHTTPResponse.REDIRECT_STATUSES})
_NO_BODY: Final = Body()


class BearerPoolManager(PoolManager):
    """
    A pool manager that attaches a bearer token to each request.

        http = BearerPoolManager(auth)
        http.request("GET", f"{base_url}/decisions/7", scope="decisions:read")

    A request is sent with a token or not at all. After a 401 that a new token may fix, the
    request is sent once more, if its body can be sent twice. A redirect to another origin is
    followed without the token.

    Args:
        auth: A `CredicorpAuth`, which this object uses and does not close.
        num_pools: As for `urllib3.PoolManager`.
        headers: As for `urllib3.PoolManager`.
        existing: Handling of an `Authorization` header that a request, or this manager, already
            has: `replace`, `keep` or `refuse`; see `ExistingHeader`.
        connection_pool_kw: As for `urllib3.PoolManager`.

    Raises:
        InvalidSetting: `existing` is none of the three.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        auth: CredicorpAuth,
        num_pools: int = 10,
        headers: Mapping[str, str] | None = None,
        *,
        existing: Existing = "replace",
        **connection_pool_kw: Any,  # noqa: ANN401 # urllib3's own
    ) -> None:
        super().__init__(num_pools, headers, **connection_pool_kw)
        self._auth = auth
        self._existing = ExistingHeader(auth, existing)
        self._lender: PoolManager | None = None

    @classmethod
    def around(
        cls, auth: CredicorpAuth, manager: PoolManager, *, existing: Existing = "replace"
    ) -> Self:
        """
        Wrap the caller's pool manager, such as a `ProxyManager`.

            http = BearerPoolManager.around(auth, ProxyManager("http://proxy.example:3128"))

        Args:
            auth: A `CredicorpAuth`.
            manager: Pool manager whose connections, default headers and retries are used. It
                works as before, and `clear()` of the new one does not clear it.
            existing: As for the class.

        Raises:
            InvalidSetting: It would reveal https requests to its proxy, token included
                (`config.proxy_forwarding`), or `existing` is none of the three.
        """
        if manager.proxy_config is not None and manager.proxy_config.use_forwarding_for_https:
            raise InvalidSetting(
                "the pool manager forwards https requests, so that its proxy reads the token",
                code="config.proxy_forwarding",
                hint="create the `ProxyManager` without `use_forwarding_for_https`.",
            )
        made = cls(auth, headers=manager.headers, existing=existing)
        made._lender, made.proxy, made.proxy_config = manager, manager.proxy, manager.proxy_config
        made.connection_pool_kw = manager.connection_pool_kw
        made.pool_classes_by_scheme = manager.pool_classes_by_scheme
        made.connection_from_host = manager.connection_from_host  # type: ignore[method-assign] # lent
        return made

    def urlopen(  # type: ignore[override] # as PoolManager's own
        self,
        method: str,
        url: str,
        redirect: bool = True,  # noqa: FBT001, FBT002 # as PoolManager's own
        *,
        scope: Scope | str | Iterable[str] | None = None,
        **kw: Any,  # noqa: ANN401 # as PoolManager's own
    ) -> BaseHTTPResponse:
        """
        Send one request, and follow its redirects.

        Args:
            method: HTTP method.
            url: Absolute address.
            redirect: Whether redirects are followed.
            scope: Scope of this request's token; None for the scope that `auth` was created with.
            kw: As for `urllib3.PoolManager.urlopen`; `headers` are never changed.

        Raises:
            OriginNotAllowed: The token may not go to the origin of `url`, or to that of a `Host`
                header or TLS server name; nothing was sent.
            HeaderExists: The request has an `Authorization` header, and `existing` is `refuse`.
            CredicorpAuthError: No token could be obtained; nothing was sent.
        """
        wanted = kw.pop("headers", self.headers)
        headers = _copy(wanted) if wanted else {}
        try:
            call = self._begin(url, scope, headers)
        except InvalidSetting:
            if parse_url(url).scheme in {None, *self.pool_classes_by_scheme}:
                raise
            call = None  # urllib3 does not support it, and raises its own error
        if call is None:
            plain = self._lender or BorrowedPools(self)
            return plain.urlopen(method, url, redirect, headers=headers, **kw)
        if self.proxy is not None and url[:5].lower() == "http:":
            raise OriginNotAllowed(
                "the proxy would read the token of a request over http",
                origin=url.partition("?")[0],
                hint="send it without the proxy: http is for loopback only.",
            )
        headers[HEADER] = call.header()
        body = _NO_BODY
        if "body" in kw and (body := Body(kw["body"])).position is not None:
            # Position to which a file is rewound for redirects and retries.
            kw.setdefault("body_pos", body.position)
        # Most requests end here; redirects and 401s take the slower path below.
        response = PoolManager.urlopen(self, method, url, redirect=False, headers=headers, **kw)
        if response.status < _REDIRECTS or response.status not in _TO_BE_CONTINUED:
            call.on_response(response.status, (), replayable=False)
            return response
        request = AuthorizedRequest(self, call, body, response)
        return request.urlopen(method, url, redirect, headers=headers, **kw)

    def _begin(
        self,
        url: str,
        scope: Scope | str | Iterable[str] | None,
        headers: MutableMapping[str, str],
    ) -> BearerCall | None:
        """Begin a call, and remove the caller's Authorization; None if the request keeps it."""
        found = [(name, _plain(name)) for name in headers] if headers else []
        own = [name for name, plain in found if plain == "authorization"]
        host = [headers[name] for name, plain in found if plain == "host"]
        host = [each for each in host if each != SKIP_HEADER]
        tls = self.connection_pool_kw
        tls_names = (tls.get("server_hostname"), tls.get("assert_hostname")) if tls else ()
        server_name = [each for each in tls_names if isinstance(each, str)]
        if not (own or host or server_name):
            return self._auth.call(url, scope)
        call = self._existing.begin(
            url, scope, [headers[each] for each in own], host=host, server_name=server_name
        )
        if call is not None:
            for each in own:
                del headers[each]
        return call


def _plain(name: str | bytes) -> str:
    # http.client also accepts names as bytes, and with trailing white space.
    return (name.decode("latin-1") if isinstance(name, bytes) else name).strip().lower()


def _copy(headers: Mapping[str, str]) -> MutableMapping[str, str]:
    # A plain dict is faster, and is what most callers pass.
    if type(headers) is dict or not isinstance(headers, HTTPHeaderDict):
        return dict(headers)
    return HTTPHeaderDict(headers)
