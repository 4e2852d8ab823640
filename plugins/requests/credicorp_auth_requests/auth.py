"""Auth object that attaches the token to requests to allowed origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from requests.auth import AuthBase

from credicorp_auth.bearer.body import Body
from credicorp_auth.bearer.existing_header import ExistingHeader
from credicorp_auth_requests.authorized_request import HEADER, AuthorizedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from requests import PreparedRequest

    from credicorp_auth import BearerCall, CredicorpAuth, Scope
    from credicorp_auth.bearer.existing_header import Existing

_NO_BODY: Final = Body()


class BearerAuth(AuthBase):
    """
    Attaches a bearer token to the requests of a session, or to a single request.

        session.auth = BearerAuth(auth)
        requests.get(url, auth=BearerAuth(auth, scope="decisions:read"), timeout=10)

    A request is sent with a token or not at all. After a 401 that a new token may fix, the
    request is sent once more, if its body can be sent twice. A redirect to another origin is
    followed without the token.

    Args:
        auth: A `CredicorpAuth`, which this object uses and does not close.
        scope: Scope of the tokens; None for the scope that `auth` was created with.
        existing: Handling of an `Authorization` header that a request, or its session, already
            has: `replace`, `keep` or `refuse`; see `ExistingHeader`.

    Raises:
        InvalidSetting: `existing` is none of the three.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        auth: CredicorpAuth,
        *,
        scope: Scope | str | Iterable[str] | None = None,
        existing: Existing = "replace",
    ) -> None:
        self._auth = auth
        self._scope = scope
        self._existing = ExistingHeader(auth, existing)

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """
        Attach the token to a request; requests calls this once for each.

        Raises:
            OriginNotAllowed: The token may not go to the origin of the request, or to that of its
                `Host` header; nothing was sent.
            HeaderExists: The request has an `Authorization` header, and `existing` is `refuse`.
            CredicorpAuthError: No token could be obtained; nothing was sent.
        """
        call = self._begin(r)
        if call is not None:
            body = _NO_BODY if r.body is None else Body(r.body)
            request = AuthorizedRequest(call, self._begin_again, r, body)
            request.attach_token()
            r.hooks["response"].append(request.handle_response)
        return r

    def _begin(self, r: PreparedRequest) -> BearerCall | None:
        own, host = r.headers.get(HEADER), r.headers.get("Host")
        if own is None and host is None:
            return self._auth.call(str(r.url), self._scope)
        values = [] if own is None else [own]
        return self._existing.begin(str(r.url), self._scope, values, host=host)

    def _begin_again(self, r: PreparedRequest) -> BearerCall:
        host = r.headers.get("Host")
        if host is None:
            return self._auth.call(str(r.url), self._scope)
        return self._auth.call(str(r.url), self._scope, host=host)
