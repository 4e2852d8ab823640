"""PEM files of TLS settings, and objects that are built again when such a file changes."""

from __future__ import annotations

import os
import ssl
from collections import deque
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, cast

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.api.options import read_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

ClientCertificate = str | tuple[str, str]
"""A PEM file with certificate chain and key, or two files: the chain, the key."""

Signature = tuple[object, ...]


class TlsFiles(NamedTuple):
    """
    The files that TLS settings are made of.

    Args:
        ca_file: PEM file with the only authorities to trust; None trusts those of the system.
        certificate: PEM file with the client's certificate chain; None for none.
        key: PEM file with its unencrypted key; None if it is in the same file.
    """

    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None

    def signature(self) -> Signature:
        """
        Return a value that changes whenever one of the files is written or replaced.

        Symbolic links are followed: Kubernetes swaps a link to change a mounted secret.
        """
        authorities: tuple[str | None, ...] = (self.ca_file,)
        if self.ca_file is None:
            found = ssl.get_default_verify_paths()
            authorities = (found.cafile, found.capath)
        return tuple(_state_of(path) for path in (*authorities, self.certificate, self.key))


def _state_of(path: str | None) -> object:
    if path is None:
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 - at each request
    except OSError as error:
        return path, error.errno
    return path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def read_client_certificate(
    value: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None,
) -> ClientCertificate | None:
    """
    Read the option `client_certificate`: one path, or a pair of paths.

    Raises:
        InvalidSetting: It is neither (`config.value`).
    """
    if not isinstance(value, list | tuple):
        return read_path(cast("str | None", value), name="client_certificate")
    if len(value) != 2:  # noqa: PLR2004 - a pair
        raise InvalidSetting(
            "`client_certificate` is neither a path nor a pair of paths",
            hint="set it to one PEM file, or to two: the certificate chain, and its key.",
        )
    chain, key = (str(read_path(each, name="client_certificate")) for each in value)
    return chain, key


def read_client_key(value: str | os.PathLike[str] | None) -> str | None:
    """
    Read the option `client_key`.

    Raises:
        InvalidSetting: It is no path (`config.value`).
    """
    return read_path(value, name="client_key")


def read_ca_file(value: str | os.PathLike[str] | None) -> str | None:
    """
    Read the option `ca_file`.

    Raises:
        InvalidSetting: It is no path (`config.value`).
    """
    return read_path(value, name="ca_file")


def read_tls_files(
    ca_file: str | None, client_certificate: ClientCertificate | None, client_key: str | None
) -> TlsFiles:
    """
    Return the files that the options name.

    Raises:
        InvalidSetting: There is a key without a certificate, or there are two keys
            (`config.value`).
    """
    if isinstance(client_certificate, tuple):
        certificate, key = client_certificate
        if client_key is None:
            return TlsFiles(ca_file, certificate, key)
    elif client_certificate is not None or client_key is None:
        return TlsFiles(ca_file, client_certificate, client_key)
    raise InvalidSetting(
        "`client_key` is set, and `client_certificate` names no certificate without a key",
        hint="set `client_certificate` to the certificate chain, and `client_key` to its key.",
    )


class Renewed(Generic[T]):
    """
    An object built from files, and built again when one of them changes.

    The files are looked at whenever the object is asked for, by their state alone. Files that do
    not fit together, as between the two writes of a helper that renews a certificate, leave the
    object as it is; they are tried again the next time.

    No lock is taken, so that a signal handler may ask on the thread that it interrupts.

    Args:
        files: The files.
        build: Makes the object.
        retire: Called with an object that was replaced.

    Raises:
        InvalidSetting: A file cannot be used (`config.value`).
    """

    def __init__(
        self, files: TlsFiles, build: Callable[[], T], retire: Callable[[T], object]
    ) -> None:
        self._files, self._build, self._retire = files, build, retire
        self._seen = files.signature()
        self._made = build()
        self._turn = deque([None])  # empty while a thread builds the object again
        self.problem = ""

    def current(self) -> T:
        """Return the object for the files as they are, or as they were when they last fitted."""
        seen = self._files.signature()
        if seen != self._seen:
            self._renew(seen)
        return self._made

    def replace(self, instead: Callable[[InvalidSetting], T]) -> T:
        """
        Build the object again even if no file has changed, as in a forked child.

        Args:
            instead: Makes the object that serves while the files cannot be used.

        Returns:
            The object that was replaced.
        """
        self._turn = deque([None])
        old, self._seen = self._made, self._files.signature()
        try:
            self._made = self._build()
        except InvalidSetting as error:
            self._made, self._seen = instead(error), ()
        return old

    def _renew(self, seen: Signature) -> None:
        try:
            self._turn.pop()
        except IndexError:
            return  # another thread builds it; the former object still serves
        try:
            made = self._build()
            old, self._made, self._seen, self.problem = self._made, made, seen, ""
            self._retire(old)
        except InvalidSetting as error:
            self.problem = error.message
        finally:
            self._turn.append(None)
