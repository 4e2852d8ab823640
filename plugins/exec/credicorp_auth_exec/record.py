"""Reader of the JSON object that a program prints."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.plugin.api import FetchedSecret
from credicorp_auth.plugin.api.credential import Fault, digest_fields
from credicorp_auth.plugin.api.json_record import parse_record, read_members

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.secret import SecretBytes

FORMAT: Final = 1
"""Version of the format; a program states it as `version`."""

_REVISION: Final = re.compile(r"[!-~]{1,80}")
_LATEST: Final = 253_402_300_799  # the end of the year 9999, in epoch seconds


def read_output(
    output: SecretBytes,
    names: Collection[str],
    members: Mapping[str, str],
    *,
    place: str,
    started_at: float,
) -> FetchedSecret | Fault:
    """
    Read the output of a program; raise nothing, since the frames hold secrets.

    Args:
        output: Its standard output.
        names: Field names.
        members: Mapping of field names to names of JSON members.
        place: Name of the program, for the provenance.
        started_at: Epoch seconds at which it was started; a `ttl` counts from then.
    """
    record = parse_record(output)
    if isinstance(record, Fault):
        return record
    stated = record.get("version")
    if type(stated) is not int or stated != FORMAT:
        return Fault("secret.invalid", f"it states no `version` that is {FORMAT}")
    fields = read_members(record, names, members)
    if isinstance(fields, Fault):
        return fields
    revision = _read_revision(record.get("revision"))
    if isinstance(revision, Fault):
        return revision
    expires_at = _read_expiry(record, started_at)
    if isinstance(expires_at, Fault):
        return expires_at
    # The version follows from the values: a program may forget to change `revision`.
    return FetchedSecret(fields, digest_fields(fields), expires_at, provenance=f"{place}{revision}")


def _read_revision(value: object) -> str | Fault:
    if value is None:
        return ""
    if type(value) is int or (isinstance(value, str) and _REVISION.fullmatch(value)):
        return f" revision {value}"
    return Fault(
        "secret.invalid", "member 'revision' is not up to 80 ASCII characters, or a number"
    )


def _read_expiry(record: Mapping[str, Any], started_at: float) -> float | Fault | None:
    """Read `expires_at`, or `ttl`; each may be absent or null."""
    stated, ttl = record.get("expires_at"), record.get("ttl")
    if stated is not None and ttl is not None:
        return Fault("secret.invalid", "it holds both 'expires_at' and 'ttl'")
    if ttl is None:
        return _read_expires_at(stated)
    seconds = _read_number(ttl)
    if seconds is None:
        return Fault("secret.invalid", "member 'ttl' is not a number of seconds")
    return started_at + seconds


def _read_expires_at(value: object) -> float | Fault | None:
    if value is None:
        return None
    if (seconds := _read_number(value)) is not None:
        return seconds
    with suppress(TypeError, ValueError, OverflowError):
        read = datetime.fromisoformat(value)  # type: ignore[arg-type] # refuses what is no text
        if read.tzinfo is not None:
            return read.timestamp()
    message = "member 'expires_at' is neither epoch seconds nor RFC 3339 with its offset"
    return Fault("secret.invalid", message)


def _read_number(value: object) -> float | None:
    """Return a number that can be epoch seconds, not milliseconds; None for anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value <= _LATEST else None
