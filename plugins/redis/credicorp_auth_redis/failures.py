"""Classification of command failures: error code, hint, and effect on the circuit breaker."""

from __future__ import annotations

import re
from ssl import SSLEOFError, SSLError, SSLZeroReturnError
from typing import TYPE_CHECKING, Final

from attrs import frozen
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_redis.connection import CoolingDown, InsecureAddress

if TYPE_CHECKING:
    from collections.abc import Iterator


@frozen
class Failure:
    """
    A kind of failure.

    Args:
        message: Description. Of the server's error text, it holds the first word only.
        code: Stable error code.
        hint: Advice for the user.
        lasts: Whether the next command would also fail, so that the breaker opens.
    """

    message: str
    code: str
    hint: str
    lasts: bool = True

    def error(self) -> CacheUnavailable:
        """Build the error that reports it."""
        return CacheUnavailable(
            self.message, code=self.code, hint=self.hint, retryable=self.code in _PASSING
        )


_UNAVAILABLE: Final = Failure(
    "Redis cannot be reached",
    code="cache.unavailable",
    hint="check address, network and server.",
)
_TIMEOUT: Final = Failure(
    "Redis took too long",
    code="cache.timeout",
    hint="check network and server, or allow more time with `budget`.",
)
_TLS: Final = Failure(
    "no trusted TLS connection with Redis could be agreed",
    code="cache.tls",
    hint="check the server's certificate and name, `ca_file` and `client_certificate`.",
)
_INSECURE: Final = Failure(
    "a sentinel or a node of the cluster named a server to which tokens would travel in plain text",
    code="cache.insecure",
    hint="use rediss://, encrypt them with `encryption_key`, or set `plaintext` to true.",
)
_DENIED: Final = Failure(
    "Redis does not accept user and password",
    code="cache.denied",
    hint="check user and password in `url`.",
)
_FORBIDDEN: Final = Failure(
    "Redis does not let this user run a command",
    code="cache.denied",
    hint="give the user the commands and keys that the plugin's README lists.",
    lasts=False,
)
_READ_ONLY: Final = Failure(
    "Redis accepts no writes",
    code="cache.readonly",
    hint="set `url` to the master, or check its disk and replicas.",
)
# Existing entries can be read, and the next one to expire may free memory.
_FULL: Final = Failure(
    "Redis has no memory left",
    code="cache.full",
    hint="raise maxmemory, or choose a policy that evicts.",
    lasts=False,
)
_BUSY: Final = Failure(
    "Redis cannot serve now",
    code="cache.unavailable",
    hint="wait, or check the server: it is loading, failing over or running a script.",
)
_REFUSED: Final = Failure(
    "Redis refused a command",
    code="cache.refused",
    hint="use Redis 5 or newer, or a server that runs Lua scripts as it does.",
    lasts=False,
)

_BY_WORD: Final = {
    "NOAUTH": _DENIED,
    "WRONGPASS": _DENIED,
    "NOPERM": _FORBIDDEN,
    "READONLY": _READ_ONLY,
    "NOREPLICAS": _READ_ONLY,
    "MISCONF": _READ_ONLY,
    "OOM": _FULL,
    "LOADING": _BUSY,
    "MASTERDOWN": _BUSY,
    "CLUSTERDOWN": _BUSY,
    "TRYAGAIN": _BUSY,
    "BUSY": _BUSY,
    "MOVED": _BUSY,
    "ASK": _BUSY,
}
_PASSING: Final = frozenset({"cache.unavailable", "cache.timeout", "cache.readonly", "cache.full"})
# Before Redis 7, an error inside a script follows ": -" in the response.
_WORD: Final = re.compile(r"(?:.*: -)?([A-Z]{2,20})\b", re.DOTALL)
_OLD_WAYS_TO_SAY_NO: Final = ("invalid password", "no password is set", "without any password")


def read_failure_kind(failure: BaseException) -> Failure:
    """
    Classify an exception.

    Args:
        failure: The exception of redis-py, or of a socket below it.
    """
    if isinstance(failure, CoolingDown):
        known = _read_response(str(failure))
        return Failure(known.message, known.code, known.hint)
    if isinstance(failure, ResponseError):
        return _read_response(str(failure))
    if isinstance(failure, InsecureAddress):
        return _INSECURE
    causes = list(_causes(failure))
    if any(isinstance(each, TimeoutError | RedisTimeoutError) for each in causes):
        return _TIMEOUT
    # The end of the stream is also an SSLError, but not a failure of trust.
    ends = (SSLEOFError, SSLZeroReturnError)
    if any(isinstance(each, SSLError) and not isinstance(each, ends) for each in causes):
        return _TLS
    return _UNAVAILABLE


def _read_response(response: str) -> Failure:
    found = _WORD.match(response)
    word = found[1] if found else "an error"
    if any(each in response for each in _OLD_WAYS_TO_SAY_NO):
        return _DENIED
    if "max number of clients" in response:
        return _BUSY
    known = _BY_WORD.get(word, _REFUSED)
    return Failure(f"{known.message}: {word}", known.code, known.hint, known.lasts)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = failure
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
