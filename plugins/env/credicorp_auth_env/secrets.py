"""Secret source that reads client credentials from environment variables and files they name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.credential import (
    Fault,
    digest_fields,
    read_credential,
    read_file,
    read_until_alike,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

_HINT: Final = "set the variable to the value and nothing else, or the _FILE variable to its path."


def _read_prefix(value: str) -> str:
    if not _PREFIX.fullmatch(str(value)):
        raise InvalidSetting(
            "`prefix` cannot start the name of an environment variable",
            hint="use letters, digits and underscores, such as CREDICORP_ or CC_.",
        )
    return value


@frozen
class SourceOptions:
    """
    Options of the secret source `env`.

    Args:
        prefix (text; default: `CREDICORP_`): Prefix of the variable names; `CC_` reads
            `CC_CLIENT_ID` and `CC_CLIENT_SECRET`.
    """

    prefix: str = field(default="CREDICORP_", converter=_read_prefix)


@frozen
class _Found:
    """One field: the location searched, and its value or the fault."""

    name: str
    place: str
    value: Secret | Fault


class EnvSecretSource:
    """
    A secret source that reads variables, or files that variables name, at each fetch.

    The field `client_secret` is in CREDICORP_CLIENT_SECRET, or in the file whose path is in
    CREDICORP_CLIENT_SECRET_FILE. Other fields follow the same pattern.

    Args:
        options: The options; by default, the default of each.
        environment: The variables; by default those of the process.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        options: SourceOptions | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._options = options or SourceOptions()

        # A closure, so that debuggers and error reports find no variables in the attributes.
        def look_up(name: str) -> str | None:
            return environment.get(name)

        self._look_up = look_up

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """Report that it may supply `client_id`, may change, and is read from this machine."""
        return SecretSourceCapabilities(supplies_client_id=True, rotates=True, local=True)

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:  # noqa: ARG002 - the port's
        """
        Read a consistent snapshot of the named fields.

        Args:
            names: Field names, such as `client_secret`.
            timeout: Seconds that it may take in all.

        Raises:
            SecretUnavailable: `secret.missing`, `secret.empty`, `secret.invalid`, `secret.denied`
                or, retryable, `secret.unavailable`. The message names variable and file, never a
                value.
        """
        found = self._find_alike(sorted(names))
        fields: dict[str, Secret] = {}
        for each in found:
            if isinstance(each.value, Fault):
                raise each.value.error(each.place, hint=_HINT)
            fields[each.name] = each.value
        provenance = ", ".join(each.place for each in found)
        return FetchedSecret(fields, digest_fields(fields), provenance=provenance)

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def after_fork(self) -> None:
        """Do nothing: there is no state of the parent to drop."""

    def _find_alike(self, names: list[str]) -> list[_Found]:
        found = read_until_alike(lambda: [self._find(name) for name in names])
        if found is not None:
            return found
        fault = Fault("secret.unavailable", "kept changing while it was read")
        raise fault.error(", ".join(self._find(name).place for name in names), hint=_HINT)

    def _find(self, name: str) -> _Found:
        variable = f"{self._options.prefix}{name.upper()}"
        direct, path = self._look_up(variable), self._look_up(f"{variable}_FILE")
        # A compose file or chart that has no value for a variable sets it to nothing.
        path = path if path and path.strip() else None
        if direct and direct.strip() and path is not None:
            fault = Fault("secret.invalid", "are both set; keep one of them")
            return _Found(name, f"{variable} and {variable}_FILE", fault)
        if path is not None:
            return _Found(
                name, f"file {path!r} named by {variable}_FILE", read_credential(read_file(path))
            )
        if direct is None:
            fault = Fault("secret.missing", "is not set")
            return _Found(name, f"{variable} (or {variable}_FILE)", fault)
        # Python turned bytes that are not UTF-8 into lone surrogates; this restores the bytes.
        raw = SecretBytes(direct.encode("utf-8", "surrogateescape"))
        return _Found(name, variable, read_credential(raw))
