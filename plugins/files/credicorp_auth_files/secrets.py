"""Secret source that reads client credentials from a mounted directory, one field a file."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from credicorp_auth.errors import InvalidSetting, SecretUnavailable
from credicorp_auth.plugin.api import FetchedSecret, SecretSourceCapabilities
from credicorp_auth.plugin.api.credential import (
    Fault,
    digest_fields,
    read_credential,
    read_file,
    read_until_alike,
)
from credicorp_auth.plugin.api.json_record import no_field_names, read_field_names

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from credicorp_auth.http.secret import Secret

_FILE_NAME: Final = re.compile(r"(?!\.\.?$|\.\.data$)[^/\\\x00-\x1f\x7f]{1,255}")

_CURRENT: Final = "..data"
"""The link that Kubernetes swaps to change all files of a volume at once."""

_HINTS: Final = {
    "secret.missing": "check that the volume is mounted, and set `fields` if its files have other "
    "names.",
    "secret.denied": "let the user of this process read the file, such as by `fsGroup` and "
    "`defaultMode` of the volume.",
    "secret.unavailable": "look at the mount; a later read may succeed.",
}
_VALUE_HINT: Final = "write the value into the file and nothing else; one line end is dropped."


def _read_directory(value: str | os.PathLike[str]) -> str:
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else ""  # pyright: ignore[reportUnnecessaryIsInstance] # users may err
    if Path(path).is_absolute() and "\0" not in path:
        return path
    raise InvalidSetting(
        "`directory` is not an absolute path",
        hint="set `directory` to where the secret is mounted, such as /run/secrets/partner.",
    )


def _read_file_names(value: Mapping[str, str] | str) -> Mapping[str, str]:
    names = read_field_names(value)
    for each in names.values():
        if not _FILE_NAME.fullmatch(each):
            raise InvalidSetting(
                "`fields` holds what is not the name of a file in `directory`",
                hint="write it like client_id=username,client_secret=password, without folders.",
            )
    return names


@frozen
class SourceOptions:
    """
    Options of the secret source `files`.

    Args:
        directory (absolute path; required): The directory with one file for each field.
        fields (mapping; default: none): Field names and the files that hold them, if the names
            differ; or text such as `client_id=username,client_secret=password`.

    Raises:
        InvalidSetting: A value cannot be used (`config.value`).

    .. versionadded:: 1.0.0
    """

    directory: str = field(converter=_read_directory)
    fields: Mapping[str, str] = field(factory=no_field_names, converter=_read_file_names)


@frozen
class _Snapshot:
    """One reading: the directory that links led to, and each field's value or fault."""

    root: str
    values: Mapping[str, Secret | Fault]


class FilesSecretSource:
    """
    A secret source that reads the files of a directory at each fetch.

    Links are followed once for all files, so that a swap between two of them mixes no versions.

    Args:
        options: The options.

    .. versionadded:: 1.0.0
    """

    def __init__(self, options: SourceOptions) -> None:
        self._options = options

    @property
    def capabilities(self) -> SecretSourceCapabilities:
        """Report that it may supply `client_id`, may change, and is read from this machine."""
        return SecretSourceCapabilities(supplies_client_id=True, rotates=True, local=True)

    def fetch(self, names: Collection[str], *, timeout: float) -> FetchedSecret:  # noqa: ARG002 - the port's
        """
        Read the named fields, all of one version.

        Args:
            names: Field names, such as `client_secret`.
            timeout: Seconds that it may take in all.

        Raises:
            SecretUnavailable: `secret.missing`, `secret.empty`, `secret.invalid`, `secret.denied`
                or, retryable, `secret.unavailable`. The message names the file, never a value.
        """
        wanted = sorted(names)
        snapshot = read_until_alike(lambda: self._read(wanted))
        if snapshot is None:
            fault = Fault("secret.unavailable", "kept changing while it was read")
            raise _error(fault, f"directory {self._options.directory!r}")
        fields: dict[str, Secret] = {}
        for name, value in snapshot.values.items():
            if isinstance(value, Fault):
                raise _error(value, f"file {self._path_of(name)!r}")
            fields[name] = value
        return FetchedSecret(
            fields, digest_fields(fields), provenance=f"directory {self._options.directory!r}"
        )

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def after_fork(self) -> None:
        """Do nothing: there is no state of the parent to drop."""

    def _path_of(self, name: str, root: str | None = None) -> str:
        folder = self._options.directory if root is None else root
        return os.path.join(folder, self._options.fields.get(name, name))  # noqa: PTH118 # shown as set

    def _read(self, names: Collection[str]) -> _Snapshot:
        root = self._resolve()
        return _Snapshot(
            root, {name: read_credential(read_file(self._path_of(name, root))) for name in names}
        )

    def _resolve(self) -> str:
        """Follow the links once, to the directory of the version that is mounted now."""
        current = os.path.join(self._options.directory, _CURRENT)  # noqa: PTH118 # as above
        return os.path.realpath(current if os.path.lexists(current) else self._options.directory)


def _error(fault: Fault, place: str) -> SecretUnavailable:
    return fault.error(place, hint=_HINTS.get(fault.code, _VALUE_HINT))
