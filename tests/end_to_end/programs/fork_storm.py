"""
Forks again and again while a call is under way, and lets each child ask for a token.

Prints one line of JSON: how many children there were, how many were served within two seconds, and
how many parents' threads got their token.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import warnings

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.ticks import Ticks

# Forking with threads about is what this program is for; Python 3.12 and newer warn of it.
warnings.simplefilter("ignore", DeprecationWarning)


def child(auth: CredicorpAuth) -> bool:
    """Ask for a token, of a scope in flight and of the default scope; say whether that was quick."""
    with Ticks() as ticks:
        auth.get_token("decisions:read")
        auth.get_token()
    return ticks.seconds < 2.0


def storm(auth: CredicorpAuth, repeats: int) -> dict[str, int]:
    """Fork while a call is under way; count those who were served."""
    served = parents = 0
    for _ in range(repeats):
        auth.invalidate(auth.get_token())
        got: list[str] = []
        asking = threading.Thread(target=lambda got=got: got.append(auth.header()))
        asking.start()
        pid = os.fork()
        if pid == 0:
            os._exit(0 if child(auth) else 1)
        served += os.waitpid(pid, 0)[1] == 0
        asking.join()
        parents += len(got)
    return {"children": repeats, "served": served, "parents": parents}


if __name__ == "__main__":
    with CredicorpAuth.from_env(timeout=5) as shared:
        print(json.dumps(storm(shared, int(sys.argv[1]))))
