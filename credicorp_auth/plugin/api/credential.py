"""
Credential: check of the values that secret sources find, and reader of mounted files.

Functions return faults and never raise: a traceback keeps local variables, which hold secrets.
"""

from __future__ import annotations

import hmac
import os
import re
import stat
from secrets import token_bytes
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.http.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

MAX_CREDENTIAL: Final = 64 * 1024
"""Maximum bytes of a credential."""

_MOST_READS: Final = 5
_SALT: Final = token_bytes(32)
# O_NONBLOCK: do not wait for the writer of a FIFO. O_CLOEXEC: child processes do not inherit it.
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_BYTE_ORDER_MARK: Final = "\ufeff"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class Fault(NamedTuple):
    """
    The reason that a value cannot be used.

    Args:
        code: The code of the error to raise.
        message: The fault, without any part of the value.
    """

    code: str
    message: str

    def error(self, place: str, *, hint: str) -> SecretUnavailable:
        """
        Build the error to raise; only `secret.unavailable` is retryable.

        Args:
            place: Location of the value, for the message; it must hold no value.
            hint: The remedy.
        """
        message, retryable = f"{place} {self.message}", self.code == "secret.unavailable"
        return SecretUnavailable(message, code=self.code, hint=hint, retryable=retryable)


def read_credential(raw: SecretBytes | Secret | Fault) -> Secret | Fault:
    """
    Read a credential, without the one line end that editors and `echo` append.

    A line end cannot be part of a secret (RFC 6749 appendix A.2), so it has one reading. Anything
    else that looks like an accident is a fault and never corrected silently: a secret may end with
    a space or have quotes around it, and only its owner knows.

    Args:
        raw: The value as found, such as by `read_file`; a fault is returned as it is.

    Returns:
        The credential, or the fault.
    """
    if isinstance(raw, Fault):
        return raw
    value = raw.reveal()
    held = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    if held.endswith(b"\n"):
        held = held.removesuffix(b"\n").removesuffix(b"\r")
    if len(held) > MAX_CREDENTIAL:
        return Fault("secret.invalid", f"is longer than {MAX_CREDENTIAL} bytes")
    try:
        text = held.decode("utf-8")
    except UnicodeDecodeError:
        return Fault("secret.invalid", "is not UTF-8")
    return _find_fault(text) or Secret(text)


def _find_fault(text: str) -> Fault | None:
    if not text.strip():
        return Fault("secret.empty", "is empty")
    if text.startswith(_BYTE_ORDER_MARK):
        return Fault("secret.invalid", "starts with a byte order mark")
    if text != text.strip():
        return Fault("secret.invalid", "has white space at an end")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return Fault("secret.invalid", "has quotes around it")
    if _CONTROL.search(text):
        return Fault("secret.invalid", "has a control character or line end inside")
    return None


def digest_fields(fields: Mapping[str, Secret]) -> str:
    """
    Return a version for a record whose source states none: equal fields, equal versions.

    Args:
        fields: Field names to values.
    """
    # Keyed with a salt of this process, so it reveals nothing about the values elsewhere. It has
    # 128 bits: a collision of the 32-bit fingerprints, which are for humans, would hide a rotation.
    digest = hmac.new(_SALT, digestmod="sha256")
    for name, value in sorted(fields.items()):
        for part in (name.encode(), value.reveal().encode("utf-8")):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]


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
