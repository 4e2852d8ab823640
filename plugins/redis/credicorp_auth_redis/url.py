"""Parser of the option `url`."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from attrs import frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth_redis.address import SOCKET_FILE, Address

_PORT: Final = 6379


@frozen
class RedisUrl:
    """
    The parsed option `url`.

    Args:
        scheme: `redis`, `rediss` or `unix`.
        address: Address of the server; None if no host is named, as with `sentinel`.
        username: The user; None if none is named.
        password: The password; None if there is neither user nor password.
        database: Number of the database.
    """

    scheme: str
    address: Address | None
    username: str | None
    password: Secret | None
    database: int


def read_url(url: Secret) -> RedisUrl:
    """
    Parse the option `url`.

    redis-py's parser is not used: its query parameters can disable timeouts and TLS checks, and
    it ignores what it does not understand.

    Args:
        url: `redis://`, `rediss://` or `unix://`, with optional user, password and database.

    Raises:
        InvalidSetting: It is no such URL (`config.value`), or this system has no sockets that are
            files (`config.platform`). The message does not quote it, since it may hold the
            password.
    """
    read = _read(url)
    if read is None:
        raise InvalidSetting(
            "`url` is not the address of a Redis server",
            hint="use redis://host:port/db, rediss://host:port/db for TLS or unix:///path?db=0; "
            "in user and password, write special characters as %XX.",
        )
    if read.scheme == "unix" and SOCKET_FILE is None:
        raise InvalidSetting(
            "`url` names a socket file, and this system has no such sockets",
            code="config.platform",
            hint="use redis://host:port/db or rediss://host:port/db.",
        )
    return read


def _read(url: Secret) -> RedisUrl | None:
    try:
        parts = urlsplit(url.reveal())
        is_path = parts.scheme == "unix"
        if parts.scheme not in {"redis", "rediss", "unix"} or parts.fragment:
            return None
        return RedisUrl(
            scheme=parts.scheme,
            address=_read_path(parts) if is_path else _read_host(parts),
            username=unquote(parts.username) if parts.username else None,
            # A user without password is sent with an empty one, so that the server reports it.
            password=Secret(unquote(parts.password or "")) if "@" in parts.netloc else None,
            database=_read_number(_database_in(parts, is_path=is_path)),
        )
    except ValueError:
        return None


def _read_path(parts: SplitResult) -> Address:
    if parts.hostname or not parts.path:
        raise ValueError
    return Address(unquote(parts.path), 0)


def _read_host(parts: SplitResult) -> Address | None:
    if parts.query or parts.port == 0 or (parts.port and not parts.hostname):
        raise ValueError
    return Address(unquote(parts.hostname), parts.port or _PORT) if parts.hostname else None


def _database_in(parts: SplitResult, *, is_path: bool) -> str:
    if not is_path:
        return parts.path.removeprefix("/") or "0"
    query = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    if [name for name, _ in query] not in ([], ["db"]):
        raise ValueError
    return query[0][1] if query else "0"


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ValueError
    return int(text)
