"""
Asks for tokens while the interpreter is going down: at exit, and in a finaliser.

At exit a token can still be had. In a finaliser Python has taken its import system apart, so the
answer may be an error of ours; what counts is that there is one, and that the program ends.
"""

from __future__ import annotations

import atexit
from contextlib import suppress

from credicorp_auth import CredicorpAuth, errors


class Late:
    """Asks for a token when it is collected."""

    def __init__(self, auth: CredicorpAuth) -> None:
        self.auth = auth
        self.failure = errors.CredicorpAuthError
        self.suppress = suppress

    def __del__(self) -> None:
        with self.suppress(self.failure):
            self.auth.get_token("applications:write")
        print("finaliser answered", flush=True)


if __name__ == "__main__":
    shared = CredicorpAuth.from_env()
    atexit.register(lambda: print("atexit", shared.get_token().token_type, flush=True))
    late = Late(shared)
