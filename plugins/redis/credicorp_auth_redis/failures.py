"""Classification of command failures: error code, hint, and effect on the connections."""

from __future__ import annotations

import re
from ssl import SSLEOFError, SSLError, SSLZeroReturnError
from typing import TYPE_CHECKING, Final

from attrs import frozen
from redis import exceptions as redis_errors

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_redis.connection import InsecureAddress

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
        lasts: Whether the next command on the same connections would also fail.
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
    hint="check network and server, or allow more time with `cache_timeout`.",
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

# redis-py drops the first word of these responses.
_BY_CLASS: Final = {
    redis_errors.AuthenticationError: _DENIED,
    redis_errors.NoPermissionError: _FORBIDDEN,
    redis_errors.ReadOnlyError: _READ_ONLY,
    redis_errors.OutOfMemoryError: _FULL,
    redis_errors.BusyLoadingError: _BUSY,
    redis_errors.ClusterDownError: _BUSY,
    redis_errors.TryAgainError: _BUSY,
    redis_errors.AskError: _BUSY,
    redis_errors.MasterDownError: _BUSY,
}
_BY_WORD: Final = {
    "NOPERM": _FORBIDDEN,
    "READONLY": _READ_ONLY,
    "NOREPLICAS": _READ_ONLY,
    "MISCONF": _READ_ONLY,
    "OOM": _FULL,
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


_FORBIDDEN_TO_SCRIPTS: Final = ("user executing the script can't", "ACL failure in script")


def read_failure(error: BaseException, *, is_late: bool) -> Failure:
    """
    Classify an exception.

    Args:
        error: The exception of redis-py, or of a socket below it.
        is_late: Whether the time of the call was over. Then that is the failure, unless a server
            gave a reason: redis-py's clients go on to other servers, and report these.
    """
    causes = list(_causes(error))
    reason = next((found for each in causes if (found := _read_one(each))), None)
    if reason is not None:
        return reason
    timeouts = (TimeoutError, redis_errors.TimeoutError)
    if is_late or any(isinstance(each, timeouts) for each in causes):
        return _TIMEOUT
    # The end of the stream is also an SSLError, but not a failure of trust.
    ends = (SSLEOFError, SSLZeroReturnError)
    if any(isinstance(each, SSLError) and not isinstance(each, ends) for each in causes):
        return _TLS
    return _UNAVAILABLE


def _read_one(error: BaseException) -> Failure | None:
    if isinstance(error, InsecureAddress):
        return _INSECURE
    for kind, known in _BY_CLASS.items():
        if isinstance(error, kind):
            return known
    return _read_response(str(error)) if isinstance(error, redis_errors.ResponseError) else None


def _read_response(response: str) -> Failure:
    if any(each in response for each in _FORBIDDEN_TO_SCRIPTS):
        return _FORBIDDEN
    found = _WORD.match(response)
    word = found[1] if found else "an error"
    known = _BY_WORD.get(word, _REFUSED)
    return Failure(f"{known.message}: {word}", known.code, known.hint, known.lasts)


def _causes(failure: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = failure
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__
