"""When to ask again: what servers say about it, and what is decent when they say nothing."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from credicorp_auth.oauth.http import HttpResponse

MAX_ATTEMPTS: Final = 3
"""Requests that one flight sends at most before it reports the last failure."""

RETRYABLE_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
COOL_DOWN_STATUSES: Final = frozenset({429, 503})

MAX_RETRY_AFTER: Final = 300.0  # seconds
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
        return parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError):
        return None


def read_retry_after(response: HttpResponse, moment: float) -> float | None:
    """
    Read how long the server asks to be left alone.

    `Retry-After` (RFC 9110 section 10.2.3) as seconds or as a date, which is compared with the
    answer's own `Date` where it has one, since the two clocks need not agree; else
    `RateLimit-Reset`, which the partner API states as seconds from now.

    Args:
        response: The answer.
        moment: Epoch seconds by the local clock, used where the answer has no `Date`.

    Returns:
        Seconds, above 0 and at most `MAX_RETRY_AFTER`; None where nothing usable was said.
    """
    retry_after = response.header("Retry-After")
    seconds = _read_seconds(retry_after)
    if seconds is None and (date := _read_date(retry_after)) is not None:
        sent = _read_date(response.header("Date"))
        seconds = date - (moment if sent is None else sent)
    if not seconds or seconds < 0:
        seconds = _read_seconds(response.header("RateLimit-Reset"))
    return min(seconds, MAX_RETRY_AFTER) if seconds else None


def back_off(failures: int, chance: float, *, floor: float = _SHORTEST_PAUSE) -> float:
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


def look_again(looks: int) -> float:
    """
    Return the pause before a refused client's secret is looked at again: 0, 1, 2, 4 … 30 s.

    Args:
        looks: How often it was looked at since the refusal.
    """
    return 0.0 if looks <= 0 else min(_LONGEST_PAUSE, 2.0 ** min(looks - 1, 10))
