"""What a token may be made of, whoever shows it and whatever it says."""

from __future__ import annotations

import re
from typing import Final

MAX_TOKEN: Final = 64 * 1024
"""Characters an access token may have."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


def is_token(text: str) -> bool:
    """Say whether a text can be a token: printable ASCII without white space, and not too long."""
    return len(text) <= MAX_TOKEN and _TOKEN.fullmatch(text) is not None
