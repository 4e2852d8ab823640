"""Codec of an entry in Redis: a header of key, number and times, then the entry."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from credicorp_auth.plugin.api import MOST_NUMBER

MOST: Final = 256 * 1024
"""Bytes of the largest entry."""

MOST_WITH_HEAD: Final = MOST + 256
"""Bytes of the largest record."""

LONGEST: Final = 366 * 24 * 3600.0  # seconds; no token is valid for longer

# Text, so that server scripts and administrators can read it.
_HEAD: Final = re.compile(rb"credicorp-auth/1 ([!-~]{1,128}) (\d{1,16}) (\d{1,16}) (\d{1,16})\n")


@frozen
class Head:
    """
    The header of a record.

    Args:
        key: Key of the entry.
        number: Number of the lease under which it was minted; 0 for none.
        written: Time of writing in epoch milliseconds, by the writer's clock.
        ends: Time of expiry in epoch milliseconds, by the same clock.
        size: Size of the header in bytes.
    """

    key: str
    number: int
    written: int
    ends: int
    size: int


def build_record(key: str, entry: bytes, *, number: int, now: float, lifetime: float) -> bytes:
    """
    Build a record.

    Args:
        key: Key of the entry.
        entry: The entry.
        number: Number of the lease under which it was minted; 0 for none.
        now: Current time in epoch seconds.
        lifetime: Seconds until it expires.
    """
    written = int(now * 1000)
    ends = written + int(lifetime * 1000)
    return b"credicorp-auth/1 %s %d %d %d\n%s" % (key.encode(), number, written, ends, entry)


def read_head(record: object) -> Head | None:
    """Read the header of a record; None if it is no record, or its number is out of range."""
    found = _HEAD.match(record) if isinstance(record, bytes) else None
    if found is None:
        return None
    number, written, ends = (int(each) for each in found.groups()[1:])
    if number > MOST_NUMBER:
        return None
    return Head(found[1].decode("ascii"), number, written, ends, found.end())


def read_entry(record: object, key: str, *, now: float) -> bytes | None:
    """
    Read the entry of a record; None if it is invalid, expired or of another key.

    Args:
        record: The response of Redis.
        key: Expected key: the response may belong to another command.
        now: Current time in epoch seconds.
    """
    head = read_head(record)
    if head is None or not isinstance(record, bytes) or len(record) > head.size + MOST:
        return None
    is_valid = 0 < head.ends - now * 1000 <= LONGEST * 1000
    return record[head.size :] if head.key == key and is_valid else None
