"""
A token's life in tests that freeze or travel in time.

    python frozen_clocks.py TOOL SERVER

TOOL is freezegun, freezegun_first, if the core is imported while the time is frozen, or time_machine.
It prints JSON: which token there was at each step.
"""

from __future__ import annotations

import json
import sys
import time

TOOL, SERVER = sys.argv[1:]
INSTANT = 1_900_000_000


def build():
    """Build the CredicorpAuth."""
    from credicorp_auth import CredicorpAuth

    return CredicorpAuth(base_url=SERVER, client_id="id", client_secret="s", timeout=30)


def token(auth) -> str:
    """Return the token of the moment."""
    return auth.get_token().value.reveal()


def with_freezegun() -> list[str]:
    """Freeze the time, let it go on, and thaw it."""
    import freezegun

    auth = None if TOOL == "freezegun_first" else build()
    reported = [] if auth is None else [token(auth)]
    with freezegun.freeze_time("2030-03-17") as frozen:
        auth = auth or build()
        reported += [token(auth), token(auth)]
        frozen.tick(7200)
        reported.append(token(auth))
    return [*reported, token(auth)]


def with_time_machine() -> list[str]:
    """Travel to an instant where the time stands still, travel on, and come back."""
    import time_machine

    auth = build()
    reported = [token(auth)]
    with time_machine.travel(INSTANT, tick=False) as traveller:
        reported += [token(auth), token(auth)]
        traveller.shift(7200)
        reported.append(token(auth))
    return [*reported, token(auth)]


def deadline_while_frozen() -> str:
    """Return how a request to a server that sends single bytes ends while the time is frozen."""
    import freezegun
    import time_machine

    from credicorp_auth.errors import CredicorpAuthError

    frozen = (
        time_machine.travel(INSTANT, tick=False)
        if TOOL == "time_machine"
        else freezegun.freeze_time("2030-03-17")
    )
    from credicorp_auth import CredicorpAuth

    with frozen:
        auth = CredicorpAuth(
            base_url=SERVER,
            token_url=f"{SERVER}/drip",
            client_id="id",
            client_secret="s",
            timeout=1,
        )
        try:
            return token(auth)
        except CredicorpAuthError as error:
            return error.code


def main() -> None:
    """Take the steps."""
    steps = with_time_machine() if TOOL == "time_machine" else with_freezegun()
    begun = time.clock_gettime(time.CLOCK_MONOTONIC)
    ended = deadline_while_frozen()
    took = time.clock_gettime(time.CLOCK_MONOTONIC) - begun
    print(json.dumps({"steps": steps, "ended": ended, "took": took}))


main()
