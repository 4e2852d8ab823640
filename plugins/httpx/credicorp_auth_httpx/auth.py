"""Auth object that attaches the token to httpx and httpx2 requests to allowed origins."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Self

from credicorp_auth.bearer.body import Body
from credicorp_auth.bearer.existing_header import ExistingHeader
from credicorp_auth.errors import AdapterNotFound, InvalidSetting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable, Mapping

    import httpx
    import httpx2

    from credicorp_auth import BearerCall, CredicorpAuth, Scope
    from credicorp_auth.bearer.existing_header import Existing

    class _Auth(httpx.Auth, httpx2.Auth):
        """Type that the clients of both libraries accept as `auth`."""

        def auth_flow(self, request: Any) -> Generator[Any, Any, None]: ...
        def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]: ...
        def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]: ...

else:
    _Auth = object

_HEADER: Final = "Authorization"
_EXTENSION: Final = "credicorp_auth"
_UNAUTHORIZED: Final = 401
_IN_MEMORY: Final = Body()
_LIBRARIES: Final = ("httpx", "httpx2")


@cache
def _over_installed(cls: type) -> type:
    """Subclass the `Auth` of each installed library: a client accepts only its own."""
    found = [name for name in _LIBRARIES if find_spec(name)]
    if not found:
        raise AdapterNotFound(
            "neither httpx nor httpx2 is installed",
            hint="run: pip install httpx",
        )
    bases = [import_module(name).Auth for name in found]
    return type(cls.__name__, (cls, *bases), {"__module__": cls.__module__, "__doc__": cls.__doc__})


@cache
def _hiding(headers: Any) -> Any:
    """Subclass the `Headers` of a library: no token leaves the process in a pickle."""

    class TokenHeaders(headers):  # type: ignore[misc] # its base is one of two
        """Headers of a request with a token."""

        def __copy__(self) -> Self:
            return type(self)(self)

        def __deepcopy__(self, _cache: dict[int, Any]) -> Self:
            return type(self)(self)

        def __reduce_ex__(self, _protocol: object) -> tuple[type[Any], tuple[Any]]:
            shown = [
                (name, b"Bearer ***" if name.lower() == b"authorization" else value)
                for name, value in self.raw
            ]
            return headers, (shown,)

    return TokenHeaders


def _hide_token(request: Any) -> None:
    kind: Any = type(request.headers)
    if kind.__name__ != "TokenHeaders":
        request.headers = _hiding(kind)(request.headers)


class BearerAuth(_Auth):
    """
    Attaches a bearer token to the requests of a sync or async client, or to a single request.

        client = httpx.Client(auth=BearerAuth(auth))
        client.get(url, extensions={"credicorp_auth": {"scope": "decisions:read"}})

    It supports `httpx.Client`, `httpx.AsyncClient` and both of httpx2, under asyncio and trio. A
    request is sent with a token or not at all. After a 401 that a new token may fix, the request
    is sent once more, if its body can be sent twice. A redirect to another origin is followed
    without the token.

    Args:
        auth: A `CredicorpAuth`, which this object uses and does not close.
        scope: Scope of the tokens; None for the scope that `auth` was created with. A request may
            use another, as shown above.
        existing: Handling of an `Authorization` header that a request, or its client, already
            has: `replace`, `keep` or `refuse`; see `ExistingHeader`.

    Raises:
        AdapterNotFound: Neither library is installed.
        InvalidSetting: `existing` is none of the three.

    .. versionadded:: 1.0.0
    """

    def __new__(cls, *_args: Any, **_keywords: Any) -> Self:
        """Create an instance that subclasses `Auth` of the installed libraries, imported now."""
        asked: type = cls
        return object.__new__(_over_installed(asked))

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

    def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Authorize one request of a sync client, as `sync_auth_flow` does."""
        return self.sync_auth_flow(request)

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Authorize one request of a `Client`."""
        authorized = self._begin(request)
        if authorized is None:
            yield request
            return
        authorized.attach_token(request, authorized.call.header())
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            authorized.handle_response(response)
        elif again := authorized.retry(response):
            response.read()
            authorized.attach_token(again, authorized.call.header())
            response = yield again
            authorized.handle_response(response)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Authorize one request of an `AsyncClient`."""
        authorized = self._begin(request)
        if authorized is None:
            yield request
            return
        authorized.attach_token(request, await authorized.call.aheader())
        response = yield request
        if response.status_code != _UNAUTHORIZED:
            authorized.handle_response(response)
        elif again := authorized.retry(response):
            await response.aread()
            authorized.attach_token(again, await authorized.call.aheader())
            response = yield again
            authorized.handle_response(response)

    def _begin(self, request: Any) -> _AuthorizedRequest | None:
        scope, extensions = self._scope, request.extensions
        if _EXTENSION in extensions:
            scope = _wished(extensions[_EXTENSION], scope)
        url, own, host = request.url, [], []
        for name, value in request.headers.raw:
            lower = name.lower()
            if lower == b"authorization":
                own.append(value)
            elif lower == b"host" and value != url.netloc:
                host.append(value)
        server_name = None
        if extensions:
            server_name = extensions.get("sni_hostname")
            target = extensions.get("target", b"/")
            if target[:1] not in (b"/", "/", b"*", "*"):
                host.append(target)  # a target that names a host overrides the `Host` header
        if own or host or server_name is not None:
            names = {"host": host, "server_name": server_name}
            call = self._existing.begin(str(url), scope, own, **names)
        else:
            call = self._auth.call(str(url), scope)
        return None if call is None else _AuthorizedRequest(call, request)


def _wished(wishes: Mapping[str, Any], scope: Any) -> Any:
    if unknown := set(wishes) - {"scope"}:
        raise InvalidSetting(
            f"the extension {_EXTENSION!r} of a request holds {ascii(min(unknown))[:60]}",
            code="config.unknown_key",
            hint="give it a mapping with `scope`, and nothing else.",
        )
    return wishes.get("scope", scope)


class _AuthorizedRequest:
    """One request with a token, and its retry after a 401."""

    __slots__ = ("_body", "_header", "_request", "_stream", "call")

    def __init__(self, call: BearerCall, request: Any) -> None:
        self.call = call
        self._stream = request.stream
        # Most bodies are bytes, or empty: one constant describes them all.
        in_memory = type(getattr(self._stream, "_stream", None)) is bytes
        self._body = _IN_MEMORY if in_memory else Body(*_parts(self._stream))

    def attach_token(self, request: Any, header: str) -> None:
        """Set the Authorization header."""
        self._request = request
        _hide_token(request)
        request.headers[_HEADER] = self._header = header

    def retry(self, response: Any) -> Any:
        """Handle a 401; return the request to resend, without its new token, or None."""
        request = response.request
        body = self._body if request.stream is self._stream else Body(*_parts(request.stream))
        if self.handle_response(response, replayable=body.is_replayable) and body.rewind():
            return request
        return None

    def handle_response(self, response: Any, *, replayable: bool = False) -> bool:
        """Handle the response to an attempt; return whether to retry."""
        request = response.request
        # A redirect that the library followed, or has prepared, is a request of its own.
        for hop in (request, response.next_request, *(each.request for each in response.history)):
            if hop is not None:
                _hide_token(hop)
        if request is not self._request and (
            request.headers.get(_HEADER) != self._header or not self.call.allows(str(request.url))
        ):
            # A redirect led to another origin: the response is not about our token.
            return False
        refused = response.status_code == _UNAUTHORIZED
        challenges = response.headers.get_list("www-authenticate") if refused else ()
        return self.call.on_response(response.status_code, challenges, replayable=replayable)


def _parts(stream: Any) -> list[Any]:
    """Return the parts of a request's body; an unknown body counts as not replayable."""
    fields = getattr(stream, "fields", None)
    if isinstance(fields, list):
        return [getattr(each, "file", None) for each in fields]
    return [getattr(stream, "_stream", stream)]
