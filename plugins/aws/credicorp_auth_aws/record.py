"""Reader of stored credentials: a JSON object, or the client secret alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.plugin.api.credential import Fault, read_credential

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
    held = stored.content
    if members or _OBJECT.fullmatch(held.reveal()):
        record = _read_object(stored)
        return {name: _read_member(record, members.get(name, name), stored) for name in names}
    for name in names:
        if name != "client_secret":
            message = f"has no {ascii(name)[:80]}, since it is no JSON object"
            raise _fail(stored, Fault("secret.missing", message))
    return {name: _accept(read_credential(held), "", stored) for name in names}


def _read_object(stored: Stored) -> dict[str, Any]:
    try:
        return read_json_object(stored.content.reveal())
    except NotStrictJson as fault:
        reason = str(fault).removeprefix("it ")
    raise _fail(stored, Fault("secret.invalid", f"cannot be read as a record: it {reason}"))


def _read_member(record: dict[str, Any], member: str, stored: Stored) -> Secret:
    value = record.get(member)
    found: Secret | Fault
    if value is None:
        found = Fault("secret.missing", "is not there")
    elif not isinstance(value, str):
        found = Fault("secret.invalid", "is no text")
    else:
        held = SecretBytes(value.encode("utf-8", "surrogatepass"))
        found = read_credential(held)
    return _accept(found, f", member {ascii(member)[:80]}", stored)


def _accept(found: Secret | Fault, where: str, stored: Stored) -> Secret:
    if isinstance(found, Fault):
        raise _fail(stored, found, where)
    return found


def _fail(stored: Stored, fault: Fault, where: str = "") -> SecretUnavailable:
    return SecretUnavailable(
        f"{stored.place}{where} {fault.message}",
        code=fault.code,
        hint="store a JSON object with each field as text, or the client secret and nothing else.",
    )
