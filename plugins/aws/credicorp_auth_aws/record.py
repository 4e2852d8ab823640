"""Reader of stored credentials: a JSON object, or the client secret alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from credicorp_auth.plugin.api.credential import Fault, read_credential
from credicorp_auth.plugin.api.json_record import parse_record, read_members

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.secret import Secret, SecretBytes
    from credicorp_auth_aws.stored import Stored

# Content meant as a JSON object, valid or not. A generated password matches with a chance of one
# in hundreds of thousands; it then fails to parse, and is never read as a record.
_OBJECT: Final = re.compile(rb'\s*\{\s*(?:".*)?\}\s*', re.DOTALL)


def read_fields(
    stored: Stored, names: Collection[str], members: Mapping[str, str]
) -> dict[str, Secret]:
    """
    Read the named fields.

    Args:
        stored: The stored version.
        names: Field names.
        members: Mapping of field names to JSON member names that differ.

    Raises:
        SecretUnavailable: `secret.missing`, `secret.empty` or `secret.invalid`. The message names
            the field and the location, never a value.
    """
    found = _read(stored.content, names, members)
    if not isinstance(found, Fault):
        return found
    hint = "store a JSON object with each field as text, or the client secret and nothing else."
    raise found.error(f"{stored.place}:", hint=hint)


def _read(
    content: SecretBytes, names: Collection[str], members: Mapping[str, str]
) -> dict[str, Secret] | Fault:
    if members or _OBJECT.fullmatch(content.reveal()):
        record = parse_record(content)
        return record if isinstance(record, Fault) else read_members(record, names, members)
    for name in names:
        if name != "client_secret":
            message = f"it has no {ascii(name)[:80]}, since it is no JSON object"
            return Fault("secret.missing", message)
    alone = read_credential(content)
    if isinstance(alone, Fault):
        return Fault(alone.code, f"it {alone.message}")
    return dict.fromkeys(names, alone)
