"""redis-py connections within the time of one call, to servers that may receive tokens."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Final

from attrs import frozen
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from credicorp_auth.plugin.api.clocks import monotonic
from credicorp_auth_redis.address import Address

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

_deadline: Final[ContextVar[float]] = ContextVar("deadline")


class InsecureAddress(RedisError):
    """A sentinel or node named a server to which tokens must not travel in plain text."""


@contextmanager
def within(seconds: float) -> Generator[None, None, None]:
    """Give all connections that the block uses `seconds` in total."""
    token = _deadline.set(monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left() -> float:
    """
    Return the seconds left of the call.

    Raises:
        RedisTimeoutError: None are left.
    """
    seconds = _deadline.get() - monotonic()
    if not seconds > 0:
        message = "no time is left"
        raise RedisTimeoutError(message)
    return seconds


@frozen
class Terms:
    """
    Conditions under which connections are opened.

    Args:
        context: TLS context; None for plain connections.
        may_be_plain: Whether a plain connection may leave this machine.
        share: Number of servers that share the time of a call, so that a silent one does not use
            up all of it.
    """

    context: ssl.SSLContext | None
    may_be_plain: bool
    share: int = 1


class _TimedConnection:
    """Mixin for a connection class of redis-py."""

    terms: ClassVar[Terms]
    _is_greeted = False

    # The only name of redis-py here that is not public, abstract in its base class: no public
    # option makes `ca_file` the only authority, and none sees the addresses of all nodes.
    def _connect(self: Any) -> Any:  # noqa: ANN401 # a socket, of redis-py's choice
        context = self.terms.context
        host = getattr(self, "host", None)  # none for a socket file
        if not (context or self.terms.may_be_plain or host is None):
            self._refuse_plaintext()
        self.socket_connect_timeout = self.socket_timeout = time_left() / self.terms.share
        above: Any = super()
        plain = above._connect()  # noqa: SLF001 # see above
        if context is None:
            return plain
        try:
            return context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def _refuse_plaintext(self: Any) -> None:
        if not Address(self.host, self.port).is_near:
            raise InsecureAddress

    def connect(self: Any) -> None:
        """Connect; a connection whose handshake was interrupted does not count as connected."""
        if not self._is_greeted:
            self.disconnect()
        super().connect()  # type: ignore[misc] # redis-py's
        self._is_greeted = True

    def disconnect(self: Any, *reasons: Any, **more: Any) -> None:  # noqa: ANN401 # redis-py's
        """Disconnect."""
        self._is_greeted = False
        super().disconnect(*reasons, **more)  # type: ignore[misc] # redis-py's

    def read_response(self: Any, *settings: Any, **more: Any) -> Any:  # noqa: ANN401 # redis-py's
        """
        Read a response; a connection that has not read all of it is closed.

        That of redis-py's sentinel client would stay open, and serve the response to another
        command.
        """
        is_there = False
        try:
            is_there = self.can_read(time_left() / self.terms.share)
        finally:
            if not is_there:
                self.disconnect()
        if not is_there:
            message = "no response in time"
            raise RedisTimeoutError(message)
        return super().read_response(*settings, **{**more, "disconnect_on_error": True})  # type: ignore[misc] # redis-py's


def connection_class(base: type[Any], terms: Terms) -> type[Any]:
    """
    Return a connection class for redis-py's option of that name.

    Args:
        base: redis-py's connection class.
        terms: The conditions under which connections are opened.
    """
    return type(base.__name__, (_TimedConnection, base), {"terms": terms})
