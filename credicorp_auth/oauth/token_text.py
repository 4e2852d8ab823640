"""Token syntax: the characters and the length that any token may have."""

from __future__ import annotations

import re
from typing import Final

MAX_TOKEN: Final = 64 * 1024
"""Maximum characters of an access token."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


def is_token(text: str) -> bool:
    """Say whether a text can be a token: printable ASCII without white space, and not too long."""
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None
