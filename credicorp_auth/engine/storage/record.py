"""Codec of cache records (tokens and cooldowns): JSON, fully validated when read."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.lifecycle.runtime import Issuance, StoredToken
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import Grant, is_token
from credicorp_auth.plugin.api import sound_number

SCHEMA: Final = 1
MAX_ENTRY: Final = 256 * 1024  # bytes

_RECORD_ID: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST: Final = 1e15  # above every valid time and lifetime


class CorruptEntry(ValueError):
    """A cache entry is damaged, not written by this library, or for another key."""


def write_stored_token(key: str, stored: StoredToken) -> bytes:
    """
    Encode a token as a cache record.

    Args:
        key: The cache key; the record holds it, so that a record moved to another key is rejected.
        stored: The token, its record id and its issuance.
    """
    grant = stored.grant
    record = {
        "credicorp_auth": SCHEMA,
        "id": stored.record_id,
        "key": key,
        "access_token": grant.value.reveal(),
        "token_type": grant.token_type,
        "scope": str(grant.scope),
        "issued_at": stored.issuance.issued_at,
        "number": stored.issuance.number,
        "lifetime": grant.lifetime,
    }
    return json.dumps(record, separators=(",", ":")).encode("ascii")


def read_stored_token(entry: bytes, key: str, *, max_lifetime: float) -> StoredToken:
    """
    Decode a token record.

    Args:
        entry: The bytes that the cache returned.
        key: The cache key that they were read from.
        max_lifetime: The longest lifetime in seconds; a record with a longer one is corrupt.

    Raises:
        CorruptEntry: The bytes are not a record of this schema for this key.
    """
    record = read_record(entry, key)
    return _read_token(record, max_lifetime)


def write_cooldown(key: str, until: float) -> bytes:
    """
    Encode a token endpoint's cooldown as a cache record, for all clients of a shared cache.

    Args:
        key: The cache key.
        until: Epoch seconds at which the cooldown ends.
    """
    record = {"credicorp_auth": SCHEMA, "key": key, "cooldown_until": until}
    return json.dumps(record, separators=(",", ":")).encode("ascii")


def read_cooldown(entry: bytes, key: str) -> float:
    """
    Decode a cooldown record; return the epoch seconds at which the cooldown ends.

    Raises:
        CorruptEntry: The bytes are not a record of this schema for this key.
    """
    record = read_record(entry, key)
    return _number(record, "cooldown_until")


def read_record(entry: bytes, key: str) -> dict[str, Any]:
    """
    Decode the members of a record of any kind.

    Raises:
        CorruptEntry: The bytes are not a record of this schema for this key.
    """
    try:
        if len(entry) > MAX_ENTRY:
            raise CorruptEntry("it is too long")
        record = read_json_object(entry)
    except NotStrictJson as fault:
        raise CorruptEntry(str(fault)) from None
    if record.get("credicorp_auth") != SCHEMA or record.get("key") != key:
        raise CorruptEntry("it is of another schema or for another key")
    return record


def _read_token(record: dict[str, Any], max_lifetime: float) -> StoredToken:
    record_id, value = _text(record, "id"), _text(record, "access_token")
    scope, lifetime = record.get("scope"), _number(record, "lifetime")
    sound = (
        _RECORD_ID.fullmatch(record_id)
        and is_token(value)
        and record.get("token_type") == "Bearer"
        and isinstance(scope, str)
        and 0 < lifetime <= max_lifetime
    )
    if not sound:
        raise CorruptEntry("a member is missing, malformed or out of bounds")
    try:
        granted = Scope(scope)
    except InvalidSetting:
        raise CorruptEntry("its scope is malformed") from None
    grant = Grant(Secret(value), "Bearer", granted, lifetime)
    number = record.get("number", 0)
    if not isinstance(number, int) or isinstance(number, bool) or number != sound_number(number):
        raise CorruptEntry("its number is out of bounds")
    return StoredToken(record_id, grant, Issuance(_number(record, "issued_at"), number))


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _number(record: dict[str, Any], name: str) -> float:
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CorruptEntry(f"its {name} is not a number")
    if not abs(value) <= _LARGEST:  # the negated form also rejects NaN
        raise CorruptEntry(f"its {name} is out of bounds")
    return float(value)
