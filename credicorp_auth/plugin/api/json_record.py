"""
JSON record reader: client credentials from the members of a JSON object.

It is for secret sources whose store holds or returns a JSON object. A simple source needs
`read_json_record` alone. `parse_record` and `read_members` are its parts, for an object that holds
more than the fields. They return faults and never raise: a traceback keeps local variables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.plugin.api.credential import Fault, digest_fields, read_credential
from credicorp_auth.plugin.api.secret_source import FetchedSecret

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_HINT = "store a JSON object with each field as text, or set `fields` to the names of its members."


def read_json_record(
    content: SecretBytes,
    names: Collection[str],
    *,
    place: str,
    fields: Mapping[str, str] | None = None,
    version: str | None = None,
) -> FetchedSecret:
    """
    Read the named fields from a JSON object.

    Args:
        content: The JSON object, UTF-8.
        names: Field names, as `SecretSource.fetch` gets them.
        place: Location of the object, for messages; it must hold no value.
        fields: Mapping of field names to names of JSON members, for those that differ.
        version: The store's name for this version; by default it follows from the values.

    Returns:
        The fields. `attrs.evolve` adds an expiry, if the store states one.

    Raises:
        SecretUnavailable: `secret.missing`, `secret.empty` or `secret.invalid`. The message names
            place and member, never a value.
    """
    found = _read(content, names, fields or {})
    if isinstance(found, Fault):
        raise found.error(f"{place}:", hint=_HINT)
    return FetchedSecret(found, version or digest_fields(found), provenance=place)


def _read(
    content: SecretBytes, names: Collection[str], members: Mapping[str, str]
) -> dict[str, Secret] | Fault:
    record = parse_record(content)
    return record if isinstance(record, Fault) else read_members(record, names, members)


def parse_record(content: SecretBytes) -> dict[str, Any] | Fault:
    """Parse a JSON object strictly: a duplicate member, NaN or a trailing comma is a fault."""
    try:
        return read_json_object(content.reveal())
    except NotStrictJson as fault:
        return Fault("secret.invalid", f"no JSON record, since {fault}")


def read_members(
    record: Mapping[str, Any], names: Collection[str], members: Mapping[str, str]
) -> dict[str, Secret] | Fault:
    """
    Read the named fields from a parsed JSON object.

    Args:
        record: Its members.
        names: Field names.
        members: Mapping of field names to names of JSON members, for those that differ.
    """
    fields: dict[str, Secret] = {}
    for name in sorted(names):
        member = members.get(name, name)
        value = _read_member(record.get(member))
        if isinstance(value, Fault):
            return Fault(value.code, f"member {ascii(member)[:80]} {value.message}")
        fields[name] = value
    return fields


def _read_member(value: object) -> Secret | Fault:
    if value is None:
        return Fault("secret.missing", "does not exist")
    if not isinstance(value, str):
        return Fault("secret.invalid", "is not text")
    raw = SecretBytes(value.encode("utf-8", "surrogatepass"))
    return read_credential(raw)


def read_field_names(value: Mapping[str, str] | str) -> Mapping[str, str]:
    """
    Read the option `fields` of a secret source; a converter for its attrs class.

    Args:
        value: Mapping of field names to names in the store, or text such as
            `client_id=username,client_secret=password`.

    Raises:
        InvalidSetting: It is neither, or a name is missing or occurs twice (`config.value`).
    """
    if isinstance(value, str):
        parts = [each.partition("=") for each in value.split(",") if each.strip()]
        pairs = [(name, member) for name, _, member in parts]
    else:
        try:
            pairs = list(dict(value).items())
        except (TypeError, ValueError):
            pairs = [("", "")]
    read = {str(name).strip(): str(member).strip() for name, member in pairs}
    if len(read) == len(pairs) and all(name and member for name, member in read.items()):
        return read
    raise InvalidSetting(
        "`fields` does not map each field to the name that it has in the store",
        hint="set it to a mapping, or to text such as client_id=username,client_secret=password.",
    )


def no_field_names() -> Mapping[str, str]:
    """Return the default of the option `fields`: each field has its own name in the store."""
    return {}
