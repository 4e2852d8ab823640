"""Prepared request with a token: its redirects and its retry after a 401."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urljoin

from requests.structures import CaseInsensitiveDict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from requests import PreparedRequest, Response

    from credicorp_auth import BearerCall
    from credicorp_auth.bearer.body import Body

_Headers = CaseInsensitiveDict[str | bytes]

HEADER: Final = "Authorization"
_UNAUTHORIZED: Final = 401
_REDIRECTS: Final = range(300, 400)
_DRAINED: Final = 64 * 1024  # bytes of a 401 worth reading to keep its connection


class AuthorizedRequest:
    """
    One prepared request, which may be sent several times.

    Args:
        call: The bearer call that supplies its token.
        begin: Begins a new call for a request's current URL. It runs at each sending, since a
            prepared request may be changed or sent again.
        request: The request.
        body: Its body.
    """

    __slots__ = ("_begin", "_body", "_call", "_request")

    def __init__(
        self,
        call: BearerCall,
        begin: Callable[[PreparedRequest], BearerCall],
        request: PreparedRequest,
        body: Body,
    ) -> None:
        self._call = call
        self._begin = begin
        self._request = request
        self._body = body

    def attach_token(self) -> None:
        """Set the header; the token is read now, and again each time the request is sent."""
        self._request.headers[HEADER] = _Header(self._call.header(), self, self._start)

    def handle_response(self, response: Response, **how: Any) -> Response:  # noqa: ANN401 # requests' own
        """Handle a response, also of a redirect; `how` holds the arguments of `send`."""
        request = response.request
        header = request.headers.get(HEADER)
        if not isinstance(header, _Header) or header.request is not self:
            # It was sent without our token, so the response is not about it.
            return response
        self._prepare_next_hop(response, header)
        replayable = request.body is None or self._body.is_replayable
        if not self._report(response, replayable=replayable):
            return response
        if request.body is not None and not self._body.rewind():
            return response
        return self._retry(response, header, how)

    def _retry(self, refused: Response, header: _Header, how: dict[str, Any]) -> Response:
        _free_connection(refused)
        request, text = refused.request, self._call.header()
        request.headers[HEADER] = _Header(text, self, self._proceed)
        try:
            response: Response = refused.connection.send(request, **how)
        finally:
            request.headers[HEADER] = header = _Header(text, self, header.take)
        response.history.append(refused)
        response.request = request
        self._prepare_next_hop(response, header)
        self._report(response, replayable=False)
        return response

    def _report(self, response: Response, *, replayable: bool) -> bool:
        status = response.status_code
        challenges = _challenges(response) if status == _UNAUTHORIZED else ()
        return self._call.on_response(status, challenges, replayable=replayable)

    def _prepare_next_hop(self, response: Response, header: _Header) -> None:
        # requests removes the header on most cross-origin hops, but not from http to https on one
        # host, and a session may have its own rules. The next hop is a copy of this request.
        if response.status_code in _REDIRECTS and response.is_redirect:
            target = urljoin(str(response.request.url), response.headers["location"])
            headers = _HopHeaders(response.request)
            if self._call.allows(target):
                headers[HEADER] = _Header(header, self, self._proceed)
            else:
                del headers[HEADER]
            response.request.headers = headers

    def _start(self) -> str:
        """Return the header for a new sending of the request."""
        self._call = self._begin(self._request)
        return self._call.header()

    def _proceed(self) -> str:
        """Return the header for a later hop or a retry of the current sending."""
        return self._call.header()

    def __deepcopy__(self, _cache: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[_Finished], tuple[()]]:
        return _Finished, ()


class _Finished:
    """Placeholder for an `AuthorizedRequest` in a pickled response."""

    def handle_response(self, response: Response, **_how: Any) -> Response:  # noqa: ANN401 # requests' own
        return response


class _Header(str):
    """
    An Authorization header whose token is read when the request is sent.

    requests sets the headers when a request is prepared, which may be hours before it is sent or
    resent. http.client encodes each value exactly when it writes it to the connection, so
    `encode` reads the token. Adapters that do not encode send the text the header was created
    with.
    """

    __slots__ = ("request", "take")

    request: AuthorizedRequest
    take: Callable[[], str]

    def __new__(cls, text: str, request: AuthorizedRequest, take: Callable[[], str]) -> Self:
        made = str.__new__(cls, text)
        made.request, made.take = request, take
        return made

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.take().encode(encoding, errors)

    def __deepcopy__(self, _cache: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, ("Bearer ***",)  # no token leaves the process in a pickle


class _TokenHeaders(_Headers):
    """Headers of a hop with a token, which an entry in netrc does not replace."""

    def __setitem__(self, key: str, value: str | bytes) -> None:
        if isinstance(value, _Header) or not isinstance(self.get(key), _Header):
            super().__setitem__(key, value)

    def __reduce__(self) -> tuple[type[_Headers], tuple[dict[str, str | bytes]]]:
        return CaseInsensitiveDict, (dict(self.items()),)


class _HopHeaders(_TokenHeaders):
    """
    Headers that requests copies for the next hop of a redirect.

    `copy` restores the request's own headers, so that a request that is sent again starts with
    its token.
    """

    def __init__(self, request: PreparedRequest) -> None:
        super().__init__(request.headers)
        self._request, self._headers = request, request.headers

    def copy(self) -> _Headers:
        self._request.headers = self._headers
        return _TokenHeaders(self)


def _challenges(response: Response) -> Sequence[str]:
    values: Any = getattr(response.raw, "headers", None)
    if hasattr(values, "getlist"):
        return list(values.getlist("www-authenticate"))
    # Adapters for tests and files have other kinds of raw responses.
    value = response.headers.get("www-authenticate")
    return [] if value is None else [value]


def _free_connection(response: Response) -> None:
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= _DRAINED:
        _ = response.content
    response.close()
