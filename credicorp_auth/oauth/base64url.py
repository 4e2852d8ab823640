"""Base64url as RFC 7515 section 2 defines it: without padding, and one spelling for each value."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def decode_base64url(text: bytes) -> bytes | None:
    """
    Decode base64url.

    Args:
        text: The characters.

    Returns:
        The bytes; None where `text` is not the one canonical spelling of any: padding, white space,
        characters of plain base64, or bits at the end that decode to nothing.
    """
    try:
        decoded = urlsafe_b64decode(text + b"==")
    except ValueError:
        return None
    # Python's decoder skips what it does not know; only what it would write itself is accepted.
    return decoded if urlsafe_b64encode(decoded).rstrip(b"=") == text else None
