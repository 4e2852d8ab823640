"""Reader of one version of a stored secret or parameter."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import frozen

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import SecretBytes

if TYPE_CHECKING:
    from credicorp_auth_aws.client import OpenClient
    from credicorp_auth_aws.options import SourceOptions

T = TypeVar("T", str, int, datetime)

_CURRENT: Final = "AWSCURRENT"


@frozen
class Stored:
    """
    One stored version of a secret or parameter.

    Args:
        content: Its bytes.
        version: Identifier that is unique across versions and secrets.
        place: Location it was read from, for messages.
    """

    content: SecretBytes
    version: str
    place: str


def describe_place(options: SourceOptions) -> str:
    """Return the location of the secret, for messages; it holds no value."""
    if options.parameter:
        return f"aws ssm {options.parameter}"
    return f"aws secretsmanager {options.secret_id}"


def read_stored(client: OpenClient, options: SourceOptions, *, stage: str | None = None) -> Stored:
    """
    Read the configured version, or the version of a stage.

    Args:
        client: Client of the AWS service.
        options: The options.
        stage: Staging label of another version of the secret; or None.
    """
    if options.parameter:
        return _read_parameter(client, options.parameter)
    # Always sent: without it, a server's default may be an older version.
    which = {"VersionStage": stage or options.stage or _CURRENT}
    if options.version_id:
        which = {"VersionId": options.version_id}
    response = client.api.get_secret_value(SecretId=options.secret_id, **which)
    name, version = _member(response, "Name", str), _member(response, "VersionId", str)
    place = f"aws secretsmanager {options.secret_id} {version} ({client.region})"
    content = response.get("SecretString", response.get("SecretBinary"))
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    if not isinstance(content, bytes):
        raise SecretUnavailable(
            f"{place} holds neither text nor bytes",
            code="secret.empty",
            hint="store a JSON object with each field as text, or the client secret alone.",
        )
    return Stored(SecretBytes(content), f"{name}#{version}", place)


def _read_parameter(client: OpenClient, name: str) -> Stored:
    response = client.api.get_parameter(Name=name, WithDecryption=True).get("Parameter", {})
    content = _member(response, "Value", str).encode("utf-8", "surrogatepass")
    version, changed = (
        _member(response, "Version", int),
        _member(response, "LastModifiedDate", datetime),
    )
    place = f"aws ssm {name} {version} ({client.region})"
    # With its date: a parameter that was deleted and created again counts from 1 again.
    named = f"{_member(response, 'Name', str)}:{version} of {changed.isoformat()}"
    return Stored(SecretBytes(content), named, place)


def _member(response: dict[str, Any], name: str, kind: type[T]) -> T:
    value = response.get(name)
    if type(value) is kind and value:
        return value
    raise SecretUnavailable(
        f"the response of AWS has no valid {name}",
        hint="check `endpoint_url`: the response may come from something other than AWS.",
        retryable=True,
    )
