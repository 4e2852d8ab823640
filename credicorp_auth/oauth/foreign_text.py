"""Text that a server chose, made fit to be shown: short, one line, without control characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from credicorp_auth.oauth.secret import Secret

# The look-behind lets a match begin only where a run of letters begins; without it a megabyte of
# letters would be searched once for each of them.
_JWT: Final = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]*+"
)
_SHORTEST_SECRET: Final = 4  # scrubbing shorter texts would make every message unreadable


def show_foreign_text(text: str, *, limit: int = 200, secrets: Iterable[Secret] = ()) -> str:
    """
    Return text of a stranger's choosing in a form that is safe in a log and an error message.

    Args:
        text: What the server sent.
        limit: Characters to keep.
        secrets: Credentials that were part of the request, replaced by `***` where echoed.

    Returns:
        Printable ASCII; everything else escaped; tokens and the given secrets replaced.
    """
    for secret in secrets:
        value = secret.reveal()
        if len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    text = _JWT.sub("***", text)
    shown = text[: limit + 1].encode("unicode_escape").decode("ascii")
    return shown if len(text) <= limit and len(shown) <= limit else shown[:limit] + "…"
