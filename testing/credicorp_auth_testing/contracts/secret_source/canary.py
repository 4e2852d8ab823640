"""Canary secret that must not appear in any usual encoding."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from typing import Final
from urllib.parse import quote, quote_plus

_BIRD: Final = "canary+7f3a9c/52e1~"

CANARY: Final = f"s3cret-{_BIRD}-end"
"""The client secret of the contract."""


def _disguises() -> dict[str, str]:
    found = {
        "plain": _BIRD,
        "hex": _BIRD.encode().hex(),
        "URL-encoded": quote(_BIRD, safe=""),
        "form-encoded": quote_plus(_BIRD),
    }
    for ahead in range(3):
        # Base64 depends on the number of bytes before it; the characters at the seams are left out.
        padded = b"\0" * ahead + _BIRD.encode()
        first, last = -(-ahead * 8 // 6), len(padded) * 8 // 6
        found[f"base64, {ahead} ahead"] = b64encode(padded).decode()[first:last]
        found[f"base64url, {ahead} ahead"] = urlsafe_b64encode(padded).decode()[first:last]
    return found


_DISGUISES: Final = _disguises()


def find_canary(text: str | bytes) -> list[str]:
    """
    Return the encodings in which the canary is in a text; an empty list if there is none.

    Args:
        text: The text to search; case does not matter.
    """
    shown = (text.decode("latin-1") if isinstance(text, bytes) else text).lower()
    return [name for name, form in _DISGUISES.items() if form.lower() in shown]
