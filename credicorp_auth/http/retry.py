"""Retry rules: `Retry-After`, exponential backoff with jitter, and their bounds."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse

MAX_ATTEMPTS: Final = 3
"""Maximum requests of one call before it reports the last failure."""

_TOO_MANY: Final = 429
_RETRYABLE_CLIENT_ERRORS: Final = frozenset({408, 425, _TOO_MANY})
_FINAL_SERVER_ERRORS: Final = frozenset({501, 505})
_BUSY_STATUSES: Final = frozenset({_TOO_MANY, 503})

MAX_RETRY_AFTER: Final = 300.0
"""Maximum seconds of a cooldown, even if the server asks for more."""

_CLOCK_SKEW: Final = 60.0  # seconds by which the clocks of two hosts may differ
_EPOCH: Final = 1e9  # a reset from this number on is a point in time, not a duration
_RESETS: Final = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset")
_FIRST_STEP: Final = 1.0  # seconds
_SHORTEST_PAUSE: Final = 0.5  # seconds; without a floor, full jitter can be a busy loop
_LONGEST_PAUSE: Final = 30.0  # seconds
_DIGITS: Final = r"[0-9]{1,12}"


def _read_seconds(text: str | None) -> float | None:
    if text is None or not re.fullmatch(_DIGITS, text.strip()):
        return None
    return float(text.strip())


def _read_date(text: str | None) -> float | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # A date without a zone means UTC, not the zone of this machine.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def is_retryable(status: int) -> bool:
    """
    Say whether a request whose response has `status` may be sent again.

    True for 408, 425, 429 and every 5xx except 501 and 505. The status alone decides, never the
    body.
    """
    server_error = 500 <= status <= 599  # noqa: PLR2004 - 5xx: server errors
    return status in _RETRYABLE_CLIENT_ERRORS or (
        server_error and status not in _FINAL_SERVER_ERRORS
    )


def is_busy(status: int) -> bool:
    """Say whether `status` means that the server is overloaded: 429, 503."""
    return status in _BUSY_STATUSES


def read_retry_after(response: HttpResponse, now: float) -> float | None:
    """
    Read the cooldown that a server asks for.

    `Retry-After` (RFC 9110 section 10.2.3) counts on 429 and on a retryable 5xx, as seconds or as a
    date. `RateLimit-Reset` and its two older spellings count on 429 only, since servers send them
    on every response. A reset of 10^9 or more is a point in time in epoch seconds. Points in time
    are compared with the response's own `Date` if it has one, since the two clocks may differ.

    Args:
        response: The response.
        now: Epoch seconds by the local clock, used if the response has no `Date`.

    Returns:
        Seconds, above 0 and at most `MAX_RETRY_AFTER`; None without a usable header.
    """
    status = response.status
    if status != _TOO_MANY and (status < 500 or not is_retryable(status)):  # noqa: PLR2004
        return None
    sent = _read_date(response.header("Date"))
    server_now = now if sent is None else sent
    said = [_read_retry_after(response.header("Retry-After"), server_now)]
    if status == _TOO_MANY:
        said += [_read_reset(response.header(name), server_now) for name in _RESETS]
    seconds = next((each for each in said if each is not None and each > 0), None)
    return None if seconds is None else min(seconds, MAX_RETRY_AFTER)


def _read_retry_after(text: str | None, server_now: float) -> float | None:
    seconds = _read_seconds(text)
    if seconds is None and (date := _read_date(text)) is not None:
        return date - server_now
    return seconds


def _read_reset(text: str | None, server_now: float) -> float | None:
    seconds = _read_seconds(text)
    return seconds - server_now if seconds is not None and seconds >= _EPOCH else seconds


def bound_cooldown(seconds: float) -> float:
    """Return a cooldown clamped to 0 … `MAX_RETRY_AFTER`; 0 for NaN."""
    if not seconds >= 0.0:  # NaN as well
        return 0.0
    return min(seconds, MAX_RETRY_AFTER)


def plausible_cooldown(until: float, server_now: float) -> float:
    """
    Return the remaining seconds of a cooldown that another process stored.

    Args:
        until: Its end, in epoch seconds by the clock of the process that stored it.
        server_now: Current time in epoch seconds by the local clock.

    Returns:
        At most `MAX_RETRY_AFTER`. 0 if the cooldown is over, or ends later than any server can ask
        for: such a number is not believed, or one bad entry could block the endpoint for ever.
    """
    left = until - server_now
    return bound_cooldown(left) if left <= MAX_RETRY_AFTER + _CLOCK_SKEW else 0.0


def backoff(failures: int, chance: float, *, floor: float = _SHORTEST_PAUSE) -> float:
    """
    Return the pause after a failure without `Retry-After`: exponential backoff with jitter.

    Args:
        failures: Number of failures in a row, this one included.
        chance: The jitter, a random number in [0, 1).
        floor: Minimum pause in seconds.

    Returns:
        Seconds, from `floor` up to a step that doubles from 1 s to 30 s.
    """
    step = min(_LONGEST_PAUSE, _FIRST_STEP * 2.0 ** min(failures - 1, 10))
    return floor + chance * max(0.0, step - floor)


def recheck(rechecks: int) -> float:
    """
    Return the pause before a refused client's secret is read again: 0, 1, 2, 4 … 30 s.

    Args:
        rechecks: Number of reads since the refusal.
    """
    return 0.0 if rechecks <= 0 else min(_LONGEST_PAUSE, 2.0 ** min(rechecks - 1, 10))
