"""
Credential check for the values that secret sources return.

Functions return faults and never raise: a traceback keeps local variables, which hold secrets.
"""

from __future__ import annotations

import hmac
import re
from secrets import token_bytes
from typing import TYPE_CHECKING, Final

from attrs import frozen

from credicorp_auth.http.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from credicorp_auth.http.secret import SecretBytes

MAX_CREDENTIAL: Final = 64 * 1024
"""Maximum bytes of a credential."""

_SALT: Final = token_bytes(32)
_BYTE_ORDER_MARK: Final = "\ufeff"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@frozen
class Fault:
    """
    The reason that a value cannot be used.

    Args:
        code: The code of the error to raise.
        message: The fault, without any part of the value.
    """

    code: str
    message: str


def read_credential(raw: SecretBytes | Secret) -> Secret | Fault:
    """
    Read a credential, without the one line end that editors and `echo` append.

    A line end cannot be part of a secret (RFC 6749 appendix A.2), so it has one reading. Anything
    else that looks like an accident is a fault and never corrected silently: a secret may end with
    a space or have quotes around it, and only its owner knows.

    Args:
        raw: The value as found, wherever it is kept.

    Returns:
        The credential, or the fault.
    """
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
