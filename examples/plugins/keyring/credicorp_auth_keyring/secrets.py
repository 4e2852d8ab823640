"""Secret source that reads one JSON object from an item of the system's keyring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
from attrs import frozen
from keyring.errors import KeyringError

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.http.strict_json import NotStrictJson, read_json_object
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.credential import Fault, digest_fields, read_credential

if TYPE_CHECKING:
    from collections.abc import Collection


@frozen
class Options:
    """
    Options of the secret source.

    Args:
        item: User name of the item: `keyring set credicorp-auth <item>` stores the object.
        service: Service name of the item.
    """

    item: str
    service: str = "credicorp-auth"


class KeyringSource:
    """A secret source that reads one item per fetch, so id and secret are of one version."""

    capabilities = SecretSourceCapabilities(supplies_client_id=True, rotates=True)

    def __init__(self, options: Options) -> None:
        self._options = options

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:  # noqa: ARG002 - the port's
        """Read the named fields, all from one item."""
        place = f"item {self._options.item} of {self._options.service} in the keyring"
        fields: dict[str, Secret] = {}
        for name, value in _read(self._options, names).items():
            if isinstance(value, Fault):
                passes = value.code == "secret.unavailable"
                message = f"{name} in {place} {value.message}"
                raise SecretUnavailable(message, code=value.code, retryable=passes)
            fields[name] = value
        return FetchedSecret(fields, digest_fields(fields), provenance=place)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def after_fork(self) -> None:
        """Do nothing: there is no state of the parent to drop."""


# Functions that hold values return faults and do not raise: a traceback keeps local variables.
def _read(options: Options, names: Collection[str]) -> dict[str, Secret | Fault]:
    try:
        item = keyring.get_password(options.service, options.item)
        document = {} if item is None else read_json_object(item.encode("utf-8", "surrogatepass"))
    except KeyringError as broken:
        message = f"cannot be read: {type(broken).__name__}"
        return dict.fromkeys(names, Fault("secret.unavailable", message))
    except NotStrictJson as broken:
        return dict.fromkeys(names, Fault("secret.invalid", f"cannot be read: {broken}"))
    return {name: _read_value(document.get(name)) for name in names}


def _read_value(value: object) -> Secret | Fault:
    if value is None:
        return Fault("secret.missing", "is not there")
    if not isinstance(value, str):
        return Fault("secret.invalid", "is no text")
    return read_credential(SecretBytes(value.encode("utf-8", "surrogatepass")))
