"""What makes requests carry the token, wherever it may go and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from requests.auth import AuthBase

from credicorp_auth.body import Body

if TYPE_CHECKING:
    from collections.abc import Iterable

    from requests import PreparedRequest, Response

    from credicorp_auth import BearerCall, CredicorpAuth, Scope

_HEADER: Final = "Authorization"
_DRAINED: Final = 64 * 1024  # bytes of a 401 worth reading to keep its connection


class BearerAuth(AuthBase):
    """
    Makes the requests of a session, or a single one, carry a bearer token.

        session.auth = BearerAuth(auth)
        requests.get(url, auth=BearerAuth(auth, scope="decisions:read"), timeout=10)

    A request is sent with a token or not at all. A 401 that a new token may cure is answered by
    sending the same request once more, if its body can be sent twice. A redirect to another origin
    is followed without the token. A request with an `Authorization` header of the caller's own is
    passed on as it is.

    Args:
        auth: A `CredicorpAuth`, which this object uses and does not close.
        scope: What the tokens must be good for; None for the scope `auth` was made with.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self, auth: CredicorpAuth, *, scope: Scope | str | Iterable[str] | None = None
    ) -> None:
        self._auth = auth
        self._scope = scope

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """
        Give a request its token; requests calls this once for each.

        Raises:
            OriginNotAllowed: The token may not go to the origin of the request; nothing was sent.
            CredicorpAuthError: No token can be had; nothing was sent.
        """
        if _HEADER not in r.headers:
            call = self._auth.call(str(r.url), self._scope)
            r.headers[_HEADER] = header = call.header()
            r.register_hook("response", _Journey(call, header, Body(r.body)).arrived)
        return r


class _Journey:
    """One request on its way through its redirects, and once more after a 401."""

    def __init__(self, call: BearerCall, header: str, body: Body) -> None:
        self._call = call
        self._header = header
        self._body = body

    def arrived(self, response: Response, **how: Any) -> Response:  # noqa: ANN401 - requests' own
        """Look at each answer, those of redirects too; `how` is how requests sent it."""
        request = response.request
        if request.headers.get(_HEADER) != self._header:
            # It went on without our token, so the answer says nothing about it.
            return response
        if response.is_redirect:
            self._let_go(response)
        has_body = request.body is not None
        replayable = self._body.is_replayable or not has_body
        if not self._call.answered(
            response.status_code, _challenges(response), replayable=replayable
        ):
            return response
        if has_body and not self._body.rewind():
            return response
        return self._send_again(response, how)

    def _let_go(self, response: Response) -> None:
        # requests takes the header off at most foreign hops, but not from http to https on one
        # host. The next hop is a copy of this request, as it stands once this returns.
        target = urljoin(str(response.request.url), response.headers["location"])
        if not self._call.allows(target):
            response.request.headers.pop(_HEADER)

    def _send_again(self, refused: Response, how: dict[str, Any]) -> Response:
        _free_connection(refused)
        again = refused.request
        # In place: where the answer is a redirect, requests follows it with a copy of this request.
        again.headers[_HEADER] = self._header = self._call.header()
        response: Response = refused.connection.send(again, **how)
        response.history.append(refused)
        response.request = again
        if response.is_redirect:
            self._let_go(response)
        self._call.answered(response.status_code, _challenges(response), replayable=False)
        return response


def _challenges(response: Response) -> list[str]:
    values: Any = getattr(response.raw, "headers", None)
    if hasattr(values, "getlist"):
        return list(values.getlist("www-authenticate"))
    # Adapters for tests and files have raw answers of other kinds.
    value = response.headers.get("www-authenticate")
    return [] if value is None else [value]


def _free_connection(response: Response) -> None:
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _DRAINED:
        _ = response.content
    response.close()
