"""Redis connections that enforce the deadline of the current exchange."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import frozen
from redis.backoff import NoBackoff
from redis.connection import Connection, DefaultParser
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from urllib3.util.wait import wait_for_read

from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.sockets import DeadlineSocket, connect_to_any
from credicorp_auth.wire.tls_stream import start_tls
from credicorp_auth_redis.address import SOCKET_FILE
from credicorp_auth_redis.budget import within
from credicorp_auth_redis.names import look_up

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from credicorp_auth.http.secret import Secret
    from credicorp_auth_redis.address import Address

Word = str | int | SecretBytes
Command = tuple[Word, ...]

_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)


class InsecureAddress(RedisError):
    """A sentinel or node named a server to which tokens must not travel in plain text."""


class CoolingDown(RedisError):
    """The server refused the connection before any command; the argument is its response."""


class _Parser(DefaultParser):  # type: ignore[misc, valid-type] # one of two classes, by hiredis
    """redis-py's parser, modified so that error texts keep their first word."""

    EXCEPTION_CLASSES: dict[str, Any] = {}  # noqa: RUF012 # as in redis-py


class _Identity(CredentialProvider):
    """User and password for redis-py, kept out of the connection's attributes."""

    def __init__(self, username: str | None, password: Secret) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.reveal()
        return (self._username, password) if self._username else (password,)


class _DeadlineConnection(Connection):
    """redis-py's connection, over one of our sockets."""

    def __init__(self, dial: Callable[[], DeadlineSocket], **how: Any) -> None:  # noqa: ANN401 # redis-py's own
        self._dial = dial
        cast("Any", super()).__init__(
            protocol=2, parser_class=_Parser, retry=Retry(NoBackoff(), 0), **how
        )

    def _connect(self) -> DeadlineSocket:
        return self._dial()


class OpenConnection:
    """
    A connection that has completed its handshake.

    Args:
        connection: redis-py's connection, which is only partly typed.
    """

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 # see above
        self._connection = connection

    def ask(self, command: Command) -> object:
        """
        Send a command, and return its response.

        Raises:
            ResponseError: The response is an error. After any other exception, the connection is
                out of step and must be closed.
        """
        # The entry is plain text here only, in no frame that outlives the call.
        self._connection.send_command(
            *(word.reveal() if isinstance(word, SecretBytes) else word for word in command)
        )
        response: object = self._connection.read_response()
        return response

    def has_no_input(self) -> bool:
        """Return whether there is nothing to read: no end of stream, no unexpected response."""
        if wait_for_read(self._connection._sock, timeout=0.0):  # noqa: SLF001 # redis-py has no name for it
            return False
        with within(0):  # checks redis-py's buffer only, not the socket
            return not self._connection.can_read(0)

    def close(self) -> None:
        """Close it; a forked child closes only its own descriptor."""
        self._connection.disconnect()


@frozen
class Connector:
    """
    Opens connections with the same settings.

    Args:
        context: TLS context; None for plain connections.
        may_be_plain: Whether a plain connection may leave this machine.
        username: User name; None for the server's default user.
        password: Password; None if the server requires none.
        database: Number of the database.
    """

    context: ssl.SSLContext | None
    may_be_plain: bool
    username: str | None = None
    password: Secret | None = None
    database: int = 0

    def open(self, address: Address) -> OpenConnection:
        """
        Open a connection, and complete its handshake.

        Raises:
            RedisError: It could not be opened; `CoolingDown` if the server refused it.
        """
        if not (self.context or self.may_be_plain or address.is_near):
            raise InsecureAddress
        how: dict[str, Any] = {"host": address.host, "port": address.port, "db": self.database}
        if self.password is not None:
            how["credential_provider"] = _Identity(self.username, self.password)
        connection: Any = _DeadlineConnection(lambda: self._dial(address), **how)
        refusal: str | None = None
        try:
            connection.connect()
        except ResponseError as error:
            refusal = str(error)
        except BaseException:
            connection.disconnect()
            raise
        if refusal is not None:
            raise CoolingDown(refusal)
        return OpenConnection(connection)

    def _dial(self, address: Address) -> DeadlineSocket:
        if address.is_path:
            return _open_path(address.host)
        plain = connect_to_any(look_up(address.host, address.port), _SOCKET_OPTIONS)
        if self.context is None:
            return plain
        try:
            return start_tls(plain, self.context, address.host)
        except BaseException:
            plain.close()
            raise


def _open_path(path: str) -> DeadlineSocket:
    connection = socket.socket(SOCKET_FILE, socket.SOCK_STREAM)
    try:
        connection.settimeout(current.get().left())
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return DeadlineSocket(connection)
