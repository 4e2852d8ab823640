"""Connections to Redis that keep to the time there is."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from redis.backoff import NoBackoff
from redis.connection import Connection, DefaultParser
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from credicorp_auth.oauth.secret import Secret
from credicorp_auth.wire.exchange import current
from credicorp_auth.wire.sockets import DeadlineSocket, connect_to_any
from credicorp_auth_redis.names import look_up

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from credicorp_auth_redis.address import Address

_SOCKET_OPTIONS: Final = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
)


class InsecureAddress(RedisError):
    """A sentinel or a node of the cluster named a server that tokens may not go to in plain text."""


class Unwelcome(RedisError):
    """The server refused the connection before any command; the argument is its answer."""


class _Parser(DefaultParser):  # type: ignore[misc, valid-type] # one of two classes, by hiredis
    """redis-py's parser, whose errors all keep the word they begin with."""

    EXCEPTION_CLASSES: dict[str, Any] = {}  # noqa: RUF012 # as in redis-py


class _Identity(CredentialProvider):
    """User and password for redis-py, which no attribute of the connection holds."""

    def __init__(self, username: str | None, password: Secret) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.reveal()
        return (self._username, password) if self._username else (password,)


class _DeadlineConnection(Connection):
    """redis-py's connection, over a socket of ours."""

    def __init__(self, address: Address, dial: Callable[[Address], socket.socket], **how: Any):  # noqa: ANN401 # redis-py's own
        self._address = address
        self._dial = dial
        super().__init__(
            host=address.host,
            port=address.port,
            protocol=2,
            parser_class=_Parser,
            retry=Retry(NoBackoff(), 0),
            **how,
        )

    def _connect(self) -> socket.socket:
        return self._dial(self._address)


@frozen
class Connector:
    """
    Opens connections, all on the same terms.

    Args:
        context: TLS settings; None for plain connections.
        may_be_plain: Whether a plain connection may leave this machine.
        username: As whom; None for the server's default user.
        password: The proof; None where none is asked for.
        database: Number of the database.
    """

    context: ssl.SSLContext | None
    may_be_plain: bool
    username: str | None = None
    password: Secret | None = None
    database: int = 0

    def open(self, address: Address) -> Connection:
        """
        Open a connection, greeted and ready for commands.

        Raises:
            RedisError: There is none; `Unwelcome` where the server itself said no.
        """
        if not (self.context or self.may_be_plain or address.is_near):
            raise InsecureAddress
        how: dict[str, Any] = {"db": self.database}
        if self.password is not None:
            how["credential_provider"] = _Identity(self.username, self.password)
        connection = _DeadlineConnection(address, self._dial, **how)
        refusal: str | None = None
        try:
            connection.connect()
        except ResponseError as error:
            refusal = str(error)
        except BaseException:
            connection.disconnect()
            raise
        if refusal is not None:
            raise Unwelcome(refusal)
        return connection

    def _dial(self, address: Address) -> socket.socket:
        if address.is_path:
            return _open_path(address.host)
        plain = connect_to_any(look_up(address.host, address.port), _SOCKET_OPTIONS)
        if self.context is None:
            return plain
        try:
            return self.context.wrap_socket(plain, server_hostname=address.host)
        except BaseException:
            plain.close()
            raise


def _open_path(path: str) -> DeadlineSocket:
    connection = DeadlineSocket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(current.get().left())
        connection.connect(path)
    except BaseException:
        connection.close()
        raise
    return connection
