"""
Two hundred greenlets that need one token, in a process that gevent or eventlet has patched.

    python greenlets.py WORLD ORDER PULSE TASK SETTINGS

WORLD is gevent, eventlet or none. ORDER tells what happens before the patch: `patched` nothing,
`imported` all imports, `built` also that of the CredicorpAuth; with `lazy`, nothing is imported but what
that takes. PULSE is a port for the beats. TASK is `token`,
`scopes` for two tokens, or a bearer and the address to call. SETTINGS are keywords as JSON.

It prints JSON: the outcomes with their counts, the events, and the longest time between two beats:
by the clock, and of the processor, which a busy machine does not stretch.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from importlib import import_module
from itertools import cycle

WORLD, ORDER, PULSE, TASK, SETTINGS = sys.argv[1:]
if WORLD == "eventlet":
    # trio cannot be imported on eventlet's sockets. Without it, httpcore does without it.
    sys.modules["trio"] = None  # type: ignore[assignment]
GREENLETS = 200
PACKAGES = ("aws", "env", "file", "httpx", "memory", "redis", "requests", "urllib3", "vault")
events: list[str] = []
gaps: list[tuple[float, float]] = []


def import_everything() -> None:
    """Import the core, and each plugin with its library."""
    import_module("credicorp_auth.wire")
    for package in PACKAGES:
        for part in ("", ".plugin"):
            import_module(f"credicorp_auth_{package}{part}")


def patch() -> None:
    """Patch the standard library."""
    if WORLD == "gevent":
        from gevent import monkey

        monkey.patch_all()
    elif WORLD == "eventlet":
        import eventlet

        eventlet.monkey_patch()


def build():
    """Build the CredicorpAuth."""
    from credicorp_auth import CredicorpAuth

    return CredicorpAuth(**json.loads(SETTINGS), observers=[lambda each: events.append(each.name)])


def send_beats() -> None:
    """Send a beat every few milliseconds, and note how long each takes."""
    import socket

    with socket.create_connection(("127.0.0.1", int(PULSE))) as pulse:
        last = time.perf_counter(), time.process_time()
        while True:
            time.sleep(0.002)
            pulse.sendall(b".")
            now = time.perf_counter(), time.process_time()
            gaps.append((now[0] - last[0], now[1] - last[1]))
            last = now


def choose_task(auth):
    """Return what each greenlet does: it returns the token, or the response to its call."""
    bearer, _, url = TASK.partition(" ")
    if bearer in {"token", "scopes"}:
        scopes = cycle(("a", "b") if bearer == "scopes" else ("a",))
        return lambda: str(auth.get_token(scope=next(scopes)).value.reveal())
    import httpx
    import requests

    from credicorp_auth_httpx import BearerAuth as HttpxAuth
    from credicorp_auth_requests import BearerAuth as RequestsAuth
    from credicorp_auth_urllib3 import BearerPoolManager

    if bearer == "urllib3":
        pool = BearerPoolManager(auth)
        return lambda: str(pool.request("GET", url).data, "ascii")
    if bearer == "requests":
        return lambda: requests.get(url, auth=RequestsAuth(auth), timeout=60).text
    client = httpx.Client(auth=HttpxAuth(auth), timeout=60)
    return lambda: client.get(url).text


def main() -> None:
    """Run the greenlets."""
    if ORDER in {"imported", "built"}:
        import_everything()
    auth = build() if ORDER == "built" else None
    patch()
    import threading

    if ORDER != "lazy":
        import_everything()
    task = choose_task(auth or build())
    outcomes: Counter[str] = Counter()

    def run() -> None:
        try:
            outcomes[task()] += 1
        except Exception as error:  # noqa: BLE001 - every error is printed
            outcomes[f"{type(error).__name__}: {error}"] += 1

    threading.Thread(target=send_beats, daemon=True).start()
    time.sleep(0.05)
    gaps.clear()
    greenlets = [threading.Thread(target=run) for _ in range(GREENLETS)]
    for each in greenlets:
        each.start()
    for each in greenlets:
        each.join()
    by_clock, of_processor = (round(max(each) * 1000) for each in zip(*gaps, strict=True))
    gap = {"longest_gap_ms": by_clock, "longest_gap_cpu_ms": of_processor}
    print(json.dumps({"outcomes": outcomes, "events": events, **gap}))
    sys.stdout.flush()
    os._exit(0)


main()
