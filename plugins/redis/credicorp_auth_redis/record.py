"""An entry as it lies in Redis: what it is, whose, since when and until when."""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from credicorp_auth.plugin.api import MOST_NUMBER

MOST: Final = 256 * 1024
"""Bytes of the largest entry."""

MOST_WITH_HEAD: Final = MOST + 256
"""Bytes of the largest record."""

LONGEST: Final = 366 * 24 * 3600.0  # seconds; no token lives longer

# Text, so that scripts on the server read it as easily as an administrator does.
_HEAD: Final = re.compile(rb"credicorp-auth/1 ([!-~]{1,128}) (\d{1,16}) (\d{1,16}) (\d{1,16})\n")


@frozen
class Head:
    """
    What a record says of its entry.

    Args:
        key: Its key.
        number: That of the lease it was written under; 0 for none.
        written: When, in milliseconds since 1970 by the clock of who wrote it.
        ends: When it ends, likewise.
        size: Bytes of the head.
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
        number: That of the lease it was made under; 0 for none.
        now: Seconds since 1970.
        lifetime: Seconds from then until it ends.
    """
    written = int(now * 1000)
    ends = written + int(lifetime * 1000)
    return b"credicorp-auth/1 %s %d %d %d\n%s" % (key.encode(), number, written, ends, entry)


def read_head(record: object) -> Head | None:
    """Read the head of whatever lies there; None if it is no record, or counts beyond bounds."""
    found = _HEAD.match(record) if isinstance(record, bytes) else None
    if found is None:
        return None
    number, written, ends = (int(each) for each in found.groups()[1:])
    if number > MOST_NUMBER:
        return None
    return Head(found[1].decode("ascii"), number, written, ends, found.end())


def read_entry(record: object, key: str, *, now: float) -> bytes | None:
    """
    Read the entry of a record; None where there is none for that key any more.

    Args:
        record: What Redis gave.
        key: Whose entry it must be: an answer that belongs to another command is none.
        now: Seconds since 1970.
    """
    head = read_head(record)
    if head is None or not isinstance(record, bytes) or len(record) > head.size + MOST:
        return None
    lives = 0 < head.ends - now * 1000 <= LONGEST * 1000
    return record[head.size :] if head.key == key and lives else None
