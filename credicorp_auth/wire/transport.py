"""Transport with a total deadline, over any stack."""

from __future__ import annotations

from collections import deque
from functools import cache
from importlib import metadata
from ssl import SSLError
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from attrs import evolve

from credicorp_auth.errors import ConnectionFailed, CredicorpAuthError, DeadlinePassed, TlsFailed
from credicorp_auth.plugin.api import TransportCapabilities
from credicorp_auth.plugin.api.adapter_failure import describe_failure
from credicorp_auth.wire.exchange import Exchange, current
from credicorp_auth.wire.failure import build_failure, unsendable
from credicorp_auth.wire.proxy import choose_proxy
from credicorp_auth.wire.response import read_response_body
from credicorp_auth.wire.tls_files import Renewed

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.http.messages import HttpRequest, HttpResponse
    from credicorp_auth.wire.options import TransportOptions
    from credicorp_auth.wire.response import OpenResponse


class Stack(Protocol):
    """HTTP library whose sockets apply the deadline of the current exchange."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """The exceptions that it raises when a request fails."""
        ...

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """Those of `failures` that mean that HTTP cannot carry the request."""
        ...

    def open(self, request: HttpRequest, headers: list[tuple[str, str]], /) -> OpenResponse:
        """
        Send a request, through the proxy of the current exchange, and read the response header.

        It must not follow redirects, decode, retry, or keep cookies.

        Args:
            request: The request.
            headers: The headers to send, in place of the request's own.
        """
        ...

    def close(self) -> None:
        """Close the idle connections."""
        ...


@cache
def _user_agent() -> str:
    found = metadata.distributions(name="credicorp-auth")
    return f"credicorp-auth/{next((each.version for each in found), '0')}"


def _wire_headers(request: HttpRequest) -> list[tuple[str, str]]:
    fixed = {"accept-encoding", "user-agent"}
    own = request.wire_headers()
    agent = next((own[name] for name in own if name.lower() == "user-agent"), _user_agent())
    return [
        ("User-Agent", agent),
        ("Accept-Encoding", "identity"),
        *((name, value) for name, value in own.items() if name.lower() not in fixed),
    ]


def _was_stale(error: ConnectionFailed, exchange: Exchange) -> bool:
    return error.code == "transport.reset" and exchange.is_reused and not exchange.received


class _UnusableFiles:
    """Stack of a forked child whose TLS files cannot be used; it fails with their error."""

    failures = refusals = ()

    def __init__(self, error: CredicorpAuthError) -> None:
        self._error = error

    def open(self, _request: HttpRequest, _headers: list[tuple[str, str]]) -> OpenResponse:
        raise self._error.copy()

    def close(self) -> None:
        """Nothing is open."""


class _Line:
    """
    A stack, and the requests that are on it.

    Args:
        stack: The stack. Once retired, it is closed after the last of its requests.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self._requests: deque[None] = deque()  # its operations need no lock
        self._is_retired = False

    def __enter__(self) -> Stack:
        self._requests.append(None)
        return self.stack

    def __exit__(self, *_: object) -> None:
        self._requests.pop()
        self._close_if_done()

    def retire(self) -> None:
        """Close the stack as soon as no request is on it."""
        self._is_retired = True
        self._close_if_done()

    def _close_if_done(self) -> None:
        if self._is_retired and not self._requests:
            self.stack.close()


class SocketTransport:
    """
    Transport with a total deadline, which no server can extend.

    When a file of certificates or its key changes, further requests go over new connections, and
    the old ones are closed after the requests that are on them.

    It follows no redirect, keeps no cookie, decodes nothing and reads no netrc. Once `ca_file` is
    set, it takes no authority, key log or debug output from the environment.

    Args:
        build_stack: Builds the stack from the options' files: now, in each child of a fork, and
            when one of the files changes.
        options: The transport's options.

    .. versionadded:: 1.0.0
    """

    def __init__(self, build_stack: Callable[[], Stack], options: TransportOptions) -> None:
        self._options = options
        self._line = Renewed(options.tls_files(), lambda: _Line(build_stack()), _Line.retire)
        self._orphans: list[_Line] = []

    @property
    def capabilities(self) -> TransportCapabilities:
        """The total deadline, which also holds against a server that sends byte by byte."""
        return TransportCapabilities(total_deadline=True)

    def send(self, request: HttpRequest, *, timeout: float) -> HttpResponse:
        """
        Send one request and return the complete response of any status.

        An idle connection that the server has closed is replaced by a new one, once. This is
        safe: no byte of a response arrived, so the request was not processed.

        Args:
            request: The request.
            timeout: Seconds for the whole exchange: resolving, connecting, sending, reading.

        Raises:
            ServerUnreachable: `transport.deadline` if the time is up, `transport.read_timeout` if
                no byte of the response arrived by then, `transport.connect_timeout` if
                `connect_timeout` is up first; else by code, as `plugin.api` lists them.
            MalformedResponse: The body is too long (`response.too_large`) or encoded
                (`response.content_encoding`).
        """
        host = urlsplit(request.url).netloc
        if not timeout > 0:
            raise DeadlinePassed(f"no time was left for the request to {host}")
        exchange = Exchange(timeout, connect_timeout=self._options.connect_timeout)
        with self._line.current() as stack:
            outcome = self._carry(stack, request, exchange, host=host)
            if isinstance(outcome, ConnectionFailed) and _was_stale(outcome, exchange):
                # The other idle connections are as old as this one, and probably closed too.
                stack.close()
                outcome = self._carry(stack, request, exchange, host=host)
        if isinstance(outcome, TlsFailed) and self._line.problem:
            outcome.hint = f"{self._line.problem}; {outcome.hint}"
        if isinstance(outcome, CredicorpAuthError):
            # Raised here and as a copy, so that neither its traceback nor its context leads to
            # frames that hold the request with its credentials. The cause is text.
            raise outcome.copy()
        return outcome

    def _carry(
        self, stack: Stack, request: HttpRequest, exchange: Exchange, *, host: str
    ) -> HttpResponse | CredicorpAuthError:
        error: CredicorpAuthError
        token = current.set(exchange)
        try:
            exchange.proxy = choose_proxy(request.url, configured=self._options.proxy)
            response = stack.open(request, _wire_headers(request))
            try:
                exchange.begin_body()
                read = read_response_body(response, host=host, is_document=request.method == "GET")
                return evolve(read, peer_address=exchange.peer_address)
            except BaseException:
                response.close()
                raise
        except CredicorpAuthError as refusal:
            return refusal
        except stack.failures as failure:
            # ssl.SSLCertVerificationError is also a ValueError.
            is_refusal = isinstance(failure, stack.refusals)
            if is_refusal and not isinstance(failure, SSLError):
                error = unsendable(host)
            else:
                error = build_failure(failure, exchange, host=host)
            error.__cause__ = describe_failure(failure, request.secrets())
            return error
        finally:
            current.reset(token)

    def close(self) -> None:
        """Close the idle connections."""
        self._line.current().stack.close()

    def after_fork(self) -> None:
        """Keep the parent's connections untouched, and start without any."""
        # Kept, not dropped: a finalizer in the child would close them, and might wait for a lock
        # that a thread of the parent held at the fork.
        self._orphans.append(self._line.replace(lambda error: _Line(_UnusableFiles(error))))
