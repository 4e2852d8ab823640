"""Strict base64url decoder (RFC 7515 section 2): no padding, one spelling for each value."""

from __future__ import annotations

from binascii import a2b_base64
from typing import Final

MAX_SIGNED_TOKEN: Final = 16 * 1024
"""Maximum characters of a signed token."""

# To the alphabet of plain base64. Characters of plain base64 alone become invalid ones.
_TO_BASE64: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
_PADDING: Final = {0: b"", 2: b"==", 3: b"="}
# Characters that may come last, by the length of the last group: those whose bits beyond the last
# whole byte are zero. Python's decoder takes any, so one value would have several spellings.
_LAST: Final = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}


def decode_base64url(text: bytes) -> bytes | None:
    """
    Decode base64url.

    Args:
        text: The characters.

    Returns:
        The bytes; None if `text` is not canonical: padding, white space, characters of plain
        base64, or unused bits at the end that are not zero.
    """
    length = len(text) % 4
    if length and text[-1] not in _LAST.get(length, b""):
        return None
    try:
        return a2b_base64(text.translate(_TO_BASE64) + _PADDING[length], strict_mode=True)
    except ValueError:
        return None
