"""
Obtains, verifies, introspects and revokes tokens where no thread can start.

With the argument `exhausted` threads ask for more memory than there is, which the system refuses as
it refuses one thread too many; with `at_exit` the interpreter is going down. Prints one line of
JSON: what came of each call, and what other threads there were afterwards.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import sys
import threading
from typing import TYPE_CHECKING

from credicorp_auth import CredicorpAuth, TokenVerifier, errors

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = {"discovery": "on", "timeout": 8.0}


def outcome(call: Callable[[], object]) -> str:
    """Return the name of what a call returned, or the code of its error."""
    try:
        return type(call()).__name__
    except errors.CredicorpAuthError as error:
        return error.code


async def closed() -> str:
    """Close a client without holding up the loop, if there is a thread to do it on."""
    auth = CredicorpAuth.from_env(**OWN)
    await auth.aclose()
    return "closed"


def ask(text: str) -> None:
    """Do everything once with threads, and once with tasks, each time without a held token."""
    found = {}
    with CredicorpAuth.from_env(**OWN) as auth, TokenVerifier.from_env(**OWN) as verifier:
        found["get_token"] = outcome(auth.get_token)
        found["verify"] = outcome(lambda: verifier.verify(text))
        found["introspect"] = outcome(lambda: auth.introspect(text))
        found["revoke"] = outcome(lambda: auth.revoke(text))
        found["invalidate"] = outcome(lambda: auth.invalidate(auth.get_token()))
    with CredicorpAuth.from_env(**OWN) as auth, TokenVerifier.from_env(**OWN) as verifier:
        found["aget_token"] = outcome(lambda: asyncio.run(auth.aget_token()))
        found["averify"] = outcome(lambda: asyncio.run(verifier.averify(text)))
        found["aintrospect"] = outcome(lambda: asyncio.run(auth.aintrospect(text)))
        found["arevoke"] = outcome(lambda: asyncio.run(auth.arevoke(text)))
    found["aclose"] = outcome(lambda: asyncio.run(closed()))
    found["threads"] = len(threading.enumerate()) - 1
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    with CredicorpAuth.from_env(**OWN) as shared:
        token = shared.get_token().value.reveal()
    if sys.argv[1] == "at_exit":
        atexit.register(ask, token)
    else:
        threading.stack_size(2**47)
        ask(token)
