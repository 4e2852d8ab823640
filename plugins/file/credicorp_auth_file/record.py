"""One entry as it stands in its file: JSON, trusted in nothing."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from enum import Enum
from hashlib import sha256
from re import compile as pattern
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from attrs import frozen

from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.plugin.api import MOST_NUMBER

if TYPE_CHECKING:
    from re import Pattern

SCHEMA: Final = 1
LAST_MOMENT: Final = 1e12  # epoch seconds, beyond which nothing is believed
LONGEST: Final = 366 * 86_400.0  # seconds; no token lives longer
MAX_RECORD: Final = 512 * 1024  # bytes: the longest entry, in base64, and what is said about it

_PLAIN_KEY: Final[Pattern[str]] = pattern(r"[0-9a-f]{64}")
MOST_BELIEVED: Final = MOST_NUMBER // 2
"""The largest number that is gone on from: beyond it, numbers would soon come to their end."""

_LATEST_SCHEMA: Final = 1000  # of any version to come
_SKEW: Final = 60.0  # seconds by which the clock may be set back, and all still lives


class Unreadable(Enum):
    """Why the content of a file is no record."""

    CORRUPT = "it is damaged, or none of ours"
    OLDER = "its schema is no longer read"
    NEWER = "its schema is not known yet"


@frozen
class Record:
    """
    An entry, and what the cache knows about it.

    Args:
        key: The key, which is bound inside: a file that was copied to another name is none of ours.
        entry: The entry.
        number: That of the lease under which it was made.
        written: Epoch seconds.
        ends: Epoch seconds from which it is gone.
    """

    key: str
    entry: SecretBytes
    number: int
    written: float
    ends: float

    def lives_at(self, now: float) -> bool:
        """Say whether it has not ended, and ends within bounds."""
        return 0 < self.ends - now <= LONGEST + _SKEW

    def to_bytes(self) -> bytes:
        """Return the content of the file."""
        members = {
            "credicorp_auth_file": SCHEMA,
            "key": self.key,
            "number": self.number,
            "written": self.written,
            "ends": self.ends,
            "entry": b64encode(self.entry.reveal()).decode("ascii"),
        }
        return json.dumps(members, separators=(",", ":")).encode("ascii")


def build_stem(key: str) -> str:
    """Return the name, without its ending, of the files of a key: the key, or its hash."""
    if _PLAIN_KEY.fullmatch(key):
        return key
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_record(content: bytes, stem: str) -> Record | Unreadable:
    """
    Read the content of a file.

    Args:
        content: The content.
        stem: The name of the file, without its ending.
    """
    try:
        members = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        return Unreadable.CORRUPT
    if not isinstance(members, dict):
        return Unreadable.CORRUPT
    return _read_members(cast("dict[str, Any]", members), stem)


def _read_members(members: dict[str, Any], stem: str) -> Record | Unreadable:
    schema = members.get("credicorp_auth_file")
    if not _is_count(schema) or schema > _LATEST_SCHEMA:
        return Unreadable.CORRUPT
    if schema != SCHEMA:
        return Unreadable.NEWER if schema > SCHEMA else Unreadable.OLDER
    key, entry, number = members.get("key"), members.get("entry"), members.get("number")
    written, ends = members.get("written"), members.get("ends")
    if not (
        isinstance(key, str)
        and isinstance(entry, str)
        and build_stem(key) == stem
        and _is_count(number)
        and _is_moment(written)
        and _is_moment(ends)
    ):
        return Unreadable.CORRUPT
    try:
        content = b64decode(entry, validate=True)
    except ValueError:
        return Unreadable.CORRUPT
    return Record(key, SecretBytes(content), number, written, ends)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_NUMBER


def _is_moment(value: object) -> TypeGuard[float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LAST_MOMENT
