"""
Lets many processes start cold together, each with an engine of its own over a cache they share.

The one argument is a JSON object: `settings` (keywords of `CredicorpAuth`), `workers`, `seconds` to
go on asking (0: ask once), `interval` between two questions, and the `lifetime` of tokens. A line `ready` is printed when all wait to begin; they begin when
a line comes in. Prints one line of JSON: for each worker, how many calls were answered, how many
had to wait after its first, how many of those ended while the token from before was to be handed out
still, the ends of its tokens, which errors there were, and how slow the slowest call was.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from typing import Any

from credicorp_auth import CredicorpAuth, Event, errors


def ask(
    auth: CredicorpAuth, events: list[str], seconds: float, interval: float, lifetime: float
) -> dict[str, Any]:
    """Ask for a token again and again; say what came of it."""
    until = time.monotonic() + seconds
    calls, needless, failures, slowest = 0, 0, [], 0.0
    handed_out_until, ends = 0.0, set()
    while True:
        begun, waits = time.monotonic(), events.count("token.waited")
        try:
            token = auth.get_token()
            calls += 1
            waited = events.count("token.waited") > waits
            needless += waited and time.time() < handed_out_until - 0.01
            ends.add(token.expires_at)
            handed_out_until = token.expires_at - lifetime / 10
        except errors.CredicorpAuthError as error:
            failures.append(error.code)
        if calls + len(failures) > 1:
            slowest = max(slowest, time.monotonic() - begun)
        if time.monotonic() >= until:
            return {
                "calls": calls,
                "needless": needless,
                "ends": sorted(ends),
                "failures": failures,
                "slowest": slowest,
            }
        time.sleep(interval)


def work(reported: dict[str, Any]) -> dict[str, Any]:
    """Be one worker, with an engine of its own."""
    lock, events = threading.Lock(), []

    def observe(event: Event) -> None:
        with lock:
            events.append(event.name)

    with CredicorpAuth.from_env(observers=[observe], **reported["settings"]) as auth:
        result = ask(auth, events, reported["seconds"], reported["interval"], reported["lifetime"])
    waits = max(0, events.count("token.waited") - 1)
    return {**result, "waits": waits, "mints": events.count("token.minted")}


def start(reported: dict[str, Any], gate: int, results: int) -> int:
    """Fork a worker that waits for the gate to close; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.read(gate, 1)
        line = json.dumps(work(reported)) + "\n"
        os.write(results, line.encode())  # shorter than a pipe's atomic size
    except BaseException:  # noqa: BLE001 - the parent sees a line missing, and this says why
        traceback.print_exc()
    finally:
        os._exit(0)


def main() -> None:
    """Start the workers, let them go, and print what each of them says."""
    reported = json.loads(sys.argv[1])
    # Imports once what a hundred workers would each import, and asks for nothing.
    CredicorpAuth.from_env(**reported["settings"]).close()
    gate, opener = os.pipe()
    incoming, results = os.pipe()
    pids = [start(reported, gate, results) for _ in range(reported["workers"])]
    print("ready", flush=True)
    sys.stdin.readline()
    os.write(opener, b"x" * reported["workers"])
    os.close(results)
    with os.fdopen(incoming) as lines:
        print(json.dumps([json.loads(line) for line in lines]))
    for pid in pids:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
