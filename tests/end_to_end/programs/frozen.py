"""
Asks for a token, is frozen in mid-mint for longer than the token lives, and goes on.

Prints a line of JSON when it begins to mint, and one at the end: what the interrupted call came to,
and the life that the next call's token had left.
"""

from __future__ import annotations

import json
import time

from credicorp_auth import CredicorpAuth, Event, errors


def announce(event: Event) -> None:
    """Say that the request is on its way."""
    if event.name == "request.sent":
        print(json.dumps({"sent": True}), flush=True)


def ask(auth: CredicorpAuth) -> float | str:
    """Return the seconds of life that a token has left, or the code of the error."""
    try:
        token = auth.get_token()
    except errors.CredicorpAuthError as error:
        return error.code
    return token.expires_at - time.time()


if __name__ == "__main__":
    with CredicorpAuth.from_env(observers=[announce], timeout=3) as frozen:
        print(json.dumps({"first": ask(frozen), "second": ask(frozen)}), flush=True)
