"""Reader for secrets mounted as files."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final, TypeVar

from credicorp_auth.http.secret import SecretBytes
from credicorp_auth.oauth.credential import MAX_CREDENTIAL, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_MOST_READS: Final = 5

# O_NONBLOCK: do not wait for the writer of a FIFO. O_CLOEXEC: child processes do not inherit it.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def read_file(path: str) -> SecretBytes | Fault:
    """
    Read a whole file from one open descriptor.

    Symbolic links are followed: Kubernetes mounts secrets behind them, and swaps one link to change
    them all. The opened file is read to its end, even if the link changes meanwhile.

    Args:
        path: Path of the file.
    """
    try:
        with open(path, "rb", opener=_open) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return Fault("secret.invalid", "is not a regular file")
            # Two more bytes for the line end, and one to detect a longer file.
            return SecretBytes(file.read(MAX_CREDENTIAL + 3))
    except OSError as error:
        return _explain(error)


def read_until_alike(read: Callable[[], T]) -> T | None:
    """
    Read several files until two readings in a row agree, so that all are of one version.

    Several files are swapped at once by one link, but read one by one. Two readings that agree were
    both made before the swap, or both after it.

    Args:
        read: Reads all files; its results are compared by `==`.

    Returns:
        The result; None if no two of five readings in a row agreed.
    """
    found = read()
    for _ in range(_MOST_READS - 1):
        again = read()
        if again == found:
            return again
        found = again
    return None


def _open(path: str, _flags: int) -> int:
    return os.open(path, _FLAGS)


def _explain(error: OSError) -> Fault:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Fault("secret.missing", "does not exist")
    if isinstance(error, IsADirectoryError):
        return Fault("secret.invalid", "is not a regular file")
    if isinstance(error, PermissionError):
        return Fault("secret.denied", "may not be read by this process")
    return Fault("secret.unavailable", f"cannot be opened ({os.strerror(error.errno or 0)})")
