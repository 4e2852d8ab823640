"""
Processes that share a cache and call a route that refuses every token, beside one that works.

The one argument is a JSON object: `settings` (keywords of `CredicorpAuth`), `workers`, `paths` (the
refused one and the other), `seconds` of simulated time, and `step`, the seconds between two calls.
Tokens, leases and connections live in real time; each worker adds the simulated seconds to its two
clocks. Prints one line of JSON: how often each worker saw each pair of statuses.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections import Counter
from typing import Any

from credicorp_auth import CredicorpAuth
from credicorp_auth.engine.clock import Clock
from credicorp_auth.wiring.engines import settings_from_env
from credicorp_auth_urllib3 import BearerPoolManager


class AheadClock(Clock):
    """The clocks of this machine, set ahead."""

    def __init__(self) -> None:
        self.ahead = 0.0
        super().__init__(
            wall=lambda: time.time() + self.ahead, boot=lambda: time.monotonic() + self.ahead
        )


def work(reported: dict[str, Any], orders: int, results: int) -> Counter[str]:
    """Call both routes whenever told to; return how often each pair of statuses was seen."""
    clock, seen, base_url = AheadClock(), Counter[str](), os.environ["CREDICORP_BASE_URL"]
    settings = settings_from_env(os.environ, reported["settings"])
    with (
        CredicorpAuth.from_settings(settings, clock=clock) as auth,
        BearerPoolManager(auth) as http,
        os.fdopen(orders) as lines,
    ):
        while (line := lines.readline()) != "end\n":
            clock.ahead = float(line)
            statuses = [http.request("GET", base_url + path).status for path in reported["paths"]]
            seen[" ".join(map(str, statuses))] += 1
            os.write(results, b".")
    return seen


def start(reported: dict[str, Any], results: int) -> int:
    """Fork a worker; return where it takes its orders."""
    orders, boss = os.pipe()
    if os.fork():
        return boss
    try:
        os.write(results, json.dumps(work(reported, orders, results)).encode() + b"\n")
    except BaseException:  # noqa: BLE001 - the parent sees a line missing, and this says why
        traceback.print_exc()
    finally:
        os._exit(0)


def main() -> None:
    """Start the workers, let time pass, and print what they saw."""
    reported = json.loads(sys.argv[1])
    incoming, results = os.pipe()
    orders = [start(reported, results) for _ in range(reported["workers"])]
    ahead = 0.0
    while ahead < reported["seconds"]:
        for each in orders:
            os.write(each, f"{ahead}\n".encode())
        for _ in orders:
            assert b"." == os.read(incoming, 1)
        ahead += reported["step"]
    os.close(results)
    for each in orders:
        os.write(each, b"end\n")
    with os.fdopen(incoming) as lines:
        print(json.dumps([json.loads(line) for line in lines]))


if __name__ == "__main__":
    main()
