"""The client's credentials, from environment variables and the files they name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting, SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes
from credicorp_auth.oauth.credential import Fault, digest_fields, read_credential
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.mounted_file import read_file

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PREFIX: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_MOST_READS: Final = 5


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
    What can be set for the secret source `env`.

    Args:
        prefix: What the names of the variables start with; `CC_` for those of older services.
    """

    prefix: str = field(default="CREDICORP_", converter=_read_prefix)


@frozen
class _Found:
    """One field: where it was looked for, and its value or why there is none."""

    name: str
    place: str
    value: Secret | Fault


class EnvSecretSource:
    """
    A secret source that reads variables, or files that variables name, each time it is asked.

    The field `client_secret` is in CREDICORP_CLIENT_SECRET, or in the file whose path is in
    CREDICORP_CLIENT_SECRET_FILE; any other field likewise.

    Args:
        options: What was set; the defaults when not given.
        environment: The variables; those of the process when not given.

    .. versionadded:: 1.0.0
    """

    def __init__(
        self,
        options: SourceOptions | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._options = options or SourceOptions()

        # A closure: a look at the attributes, as debuggers and error reports take it, shows none.
        def look_up(name: str) -> str | None:
            return environment.get(name)

        self._look_up = look_up

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """It may hold `client_id`, and a variable or file may change."""
        return SecretSourceCapabilities(supplies_client_id=True, rotates=True)

    def fetch(self, names: Collection[str]) -> FetchedSecret:
        """
        Read the named fields now, all as they were at one moment.

        Args:
            names: Field names, such as `client_secret`.

        Raises:
            SecretUnavailable: `secret.missing`, `secret.empty`, `secret.invalid`, `secret.denied`
                or, retryable, `secret.unavailable`; naming variable and file, never a value.
        """
        found = self._find_alike(sorted(names))
        fields: dict[str, Secret] = {}
        for each in found:
            if isinstance(each.value, Fault):
                raise _build_error(each.place, each.value)
            fields[each.name] = each.value
        provenance = ", ".join(each.place for each in found)
        return FetchedSecret(fields, digest_fields(fields), provenance=provenance)

    def close(self) -> None:
        """Nothing is open."""

    def after_fork(self) -> None:
        """Nothing belongs to the parent."""

    def _find_alike(self, names: list[str]) -> list[_Found]:
        # Several files are swapped by one link, but read one by one. Two readings that agree were
        # both made before the swap or both after it.
        found = [self._find(name) for name in names]
        for _ in range(_MOST_READS - 1):
            again = [self._find(name) for name in names]
            if again == found:
                return again
            found = again
        raise _build_error(
            ", ".join(each.place for each in found),
            Fault("secret.unavailable", "kept changing while it was read"),
        )

    def _find(self, name: str) -> _Found:
        variable = f"{self._options.prefix}{name.upper()}"
        direct, path = self._look_up(variable), self._look_up(f"{variable}_FILE")
        if direct is not None and path is not None:
            fault = Fault("secret.invalid", "are both set; keep one of them")
            return _Found(name, f"{variable} and {variable}_FILE", fault)
        if path is not None:
            return _Found(name, f"file {path!r} named by {variable}_FILE", _read(read_file(path)))
        if direct is None:
            fault = Fault("secret.missing", "is not set")
            return _Found(name, f"{variable} (or {variable}_FILE)", fault)
        # What was not UTF-8 in the environment is lone surrogates by now, and not UTF-8 again.
        raw = SecretBytes(direct.encode("utf-8", "surrogateescape"))
        return _Found(name, variable, _read(raw))


def _read(raw: SecretBytes | Fault) -> Secret | Fault:
    return raw if isinstance(raw, Fault) else read_credential(raw)


def _build_error(place: str, fault: Fault) -> SecretUnavailable:
    return SecretUnavailable(
        f"{place} {fault.message}",
        code=fault.code,
        hint="set the variable to the value and nothing else, or the _FILE variable to its path.",
        retryable=fault.code == "secret.unavailable",
    )
