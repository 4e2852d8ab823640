"""When to ask again: what servers say about it, and what is decent when they say nothing."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse

MAX_ATTEMPTS: Final = 3
"""Requests that one call sends at most before it reports the last failure."""

_TOO_MANY: Final = 429
_RETRYABLE_CLIENT_ERRORS: Final = frozenset({408, 425, _TOO_MANY})
_FINAL_SERVER_ERRORS: Final = frozenset({501, 505})
_BUSY_STATUSES: Final = frozenset({_TOO_MANY, 503})

MAX_RETRY_AFTER: Final = 300.0
"""Seconds for which an endpoint is left alone at most, whoever asks for more."""

_CLOCK_SKEW: Final = 60.0  # seconds by which the clocks of two hosts may differ
_EPOCH: Final = 1e9  # a reset of that many seconds is a moment and not a duration
_RESETS: Final = ("RateLimit-Reset", "X-RateLimit-Reset", "X-Rate-Limit-Reset")
_FIRST_STEP: Final = 1.0  # seconds
_SHORTEST_PAUSE: Final = 0.5  # seconds; without a floor, full jitter can be a busy loop
_LONGEST_PAUSE: Final = 30.0  # seconds
_DIGITS: Final = re.compile(r"[0-9]{1,12}")


def _read_seconds(text: str | None) -> float | None:
    if text is None or not _DIGITS.fullmatch(text.strip()):
        return None
    return float(text.strip())


def _read_date(text: str | None) -> float | None:
    try:
        date = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    # One that names no zone means UTC, and not whatever zone this machine is in.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def is_retryable(status: int) -> bool:
    """
    Say whether a request that was answered with `status` may be sent again.

    408, 425, 429 and every 5xx except 501 and 505, by the status alone: what stands in the body
    only decorates it.
    """
    server_error = 500 <= status <= 599  # noqa: PLR2004 - where HTTP draws the lines
    return status in _RETRYABLE_CLIENT_ERRORS or (
        server_error and status not in _FINAL_SERVER_ERRORS
    )


def is_busy(status: int) -> bool:
    """Say whether `status` means that the server wants to be left alone: 429, 503."""
    return status in _BUSY_STATUSES


def read_retry_after(response: HttpResponse, now: float) -> float | None:
    """
    Read how long the server asks to be left alone.

    `Retry-After` (RFC 9110 section 10.2.3) counts on 429 and on a 5xx that may be retried, as
    seconds or as a date. `RateLimit-Reset` and its two older spellings count on 429 alone: servers
    send them on every response. A reset of 10^9 or more is a moment in epoch seconds. Moments are
    compared with the response's own `Date` if it has one, since the two clocks need not agree.

    Args:
        response: The response.
        now: Epoch seconds by the local clock, used if the response has no `Date`.

    Returns:
        Seconds, above 0 and at most `MAX_RETRY_AFTER`; None if nothing usable was said.
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
    """Return a cooldown within bounds: from 0 to `MAX_RETRY_AFTER`, whatever number was given."""
    if not seconds >= 0.0:  # NaN as well
        return 0.0
    return min(seconds, MAX_RETRY_AFTER)


def believe_cooldown(until: float, server_now: float) -> float:
    """
    Return the seconds that are left of a cooldown which somebody else wrote down.

    Args:
        until: Its end, in epoch seconds by the clock of whoever wrote it.
        server_now: Epoch seconds by the local clock.

    Returns:
        At most `MAX_RETRY_AFTER`; 0 if it is over, or ends later than any server can ask for: a
        number out of bounds is no cooldown, or it could be renewed for ever.
    """
    left = until - server_now
    return bound_cooldown(left) if left <= MAX_RETRY_AFTER + _CLOCK_SKEW else 0.0


def backoff(failures: int, chance: float, *, floor: float = _SHORTEST_PAUSE) -> float:
    """
    Return the pause after a failure nobody gave advice on: exponential, with jitter.

    Args:
        failures: How many failures there were in a row, this one included.
        chance: A number in [0, 1) that spreads callers out.
        floor: Seconds below which the pause never falls.

    Returns:
        Seconds, from `floor` up to a step that doubles from 1 s to 30 s.
    """
    step = min(_LONGEST_PAUSE, _FIRST_STEP * 2.0 ** min(failures - 1, 10))
    return floor + chance * max(0.0, step - floor)


def recheck(looks: int) -> float:
    """
    Return the pause before a refused client's secret is looked at again: 0, 1, 2, 4 … 30 s.

    Args:
        looks: How often it was looked at since the refusal.
    """
    return 0.0 if looks <= 0 else min(_LONGEST_PAUSE, 2.0 ** min(looks - 1, 10))
