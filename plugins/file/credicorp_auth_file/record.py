"""Codec of an entry's file: JSON that is fully validated when read."""

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
LATEST_TIME: Final = 1e12  # epoch seconds; later times are invalid
LONGEST: Final = 366 * 86_400.0  # seconds; no token is valid for longer
MAX_RECORD: Final = 512 * 1024  # bytes: the longest entry, in base64, with its metadata

_PLAIN_KEY: Final[Pattern[str]] = pattern(r"[0-9a-f]{64}")
MAX_PLAUSIBLE_NUMBER: Final = MOST_NUMBER // 2
"""Largest stored number that counting continues from: beyond it, numbers could run out."""

_LATEST_SCHEMA: Final = 1000  # of any future version
_SKEW: Final = 60.0  # seconds by which the clock may be set back without invalidating entries


class Unreadable(Enum):
    """Reason why the content of a file is no record."""

    CORRUPT = "it is damaged, or none of ours"
    NEWER = "its schema is not known yet"


@frozen
class Record:
    """
    An entry and its metadata.

    Args:
        key: The key. It is stored inside, so that a file copied to another name is invalid.
        entry: The entry.
        number: Number of the lease under which it was minted.
        written: Time of writing in epoch seconds.
        ends: Time of expiry in epoch seconds.
    """

    key: str
    entry: SecretBytes
    number: int
    written: float
    ends: float

    def valid_at(self, now: float) -> bool:
        """Return whether it has not expired, and expires within the longest lifetime."""
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
    """Return the file name of a key without suffix: the key, or its hash."""
    if _PLAIN_KEY.fullmatch(key):
        return key
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def parse(content: bytes) -> dict[str, Any]:
    """Return the members of a JSON object; none if it is not one."""
    try:
        members = json.loads(content.decode("ascii"))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", members) if isinstance(members, dict) else {}


def read_record(content: bytes, stem: str) -> Record | Unreadable:
    """
    Read the content of a file.

    Args:
        content: The content.
        stem: The file name, without suffix.
    """
    members = parse(content)
    schema = members.get("credicorp_auth_file")
    if is_count(schema) and SCHEMA < schema <= _LATEST_SCHEMA:
        return Unreadable.NEWER
    key, entry, number = members.get("key"), members.get("entry"), members.get("number")
    written, ends = members.get("written"), members.get("ends")
    if not (
        is_count(schema)
        and schema == SCHEMA
        and isinstance(key, str)
        and isinstance(entry, str)
        and build_stem(key) == stem
        and is_count(number)
        and is_time(written)
        and is_time(ends)
    ):
        return Unreadable.CORRUPT
    try:
        content = b64decode(entry, validate=True)
    except ValueError:
        return Unreadable.CORRUPT
    return Record(key, SecretBytes(content), number, written, ends)


def is_count(value: object) -> TypeGuard[int]:
    """Return whether it is an integer from 0 to `MOST_NUMBER`."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_NUMBER


def is_time(value: object) -> TypeGuard[float]:
    """Return whether it is a time in epoch seconds, from 0 to `LATEST_TIME`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LATEST_TIME
