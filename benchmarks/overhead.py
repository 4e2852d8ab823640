"""
Overhead of attaching the token: processor time beside the same client with a fixed header.

    python overhead.py [rounds] [requests]

For each stack, a round measures a slice with the fixed header, one with the bearer, and one with
the fixed header again. Only the ratio to the neighbouring slices counts, since a machine's speed
changes within a second. The target is a median ratio of at most 1.03.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import requests
import urllib3
from evidence import record

from credicorp_auth import CredicorpAuth
from credicorp_auth_httpx import BearerAuth as HttpxBearer
from credicorp_auth_requests import BearerAuth as RequestsBearer
from credicorp_auth_testing.fakes import ScriptedTransport
from credicorp_auth_urllib3 import BearerPoolManager

TARGET = 1.03
FIXED = {"Authorization": "Bearer token-1"}
Slice = Callable[[], None]


def blocking(call: Callable[[], object], count: int) -> Slice:
    """Return a slice of `count` calls."""

    def run() -> None:
        for _ in range(count):
            call()

    return run


def awaiting(
    loop: asyncio.AbstractEventLoop, call: Callable[[], Awaitable[Any]], count: int
) -> Slice:
    """Return a slice of `count` awaited calls."""

    async def main() -> None:
        for _ in range(count):
            await call()

    return lambda: loop.run_until_complete(main())


def stacks(
    auth: CredicorpAuth, url: str, count: int, loop: asyncio.AbstractEventLoop
) -> dict[str, tuple[Slice, Slice]]:
    """Return, for each stack, the slice with a fixed header and the one with the bearer."""
    plain, bearer = urllib3.PoolManager(), BearerPoolManager(auth)
    fixed, session = requests.Session(), requests.Session()
    session.auth = RequestsBearer(auth)
    found = {
        "urllib3": (
            blocking(lambda: plain.request("GET", url, headers=FIXED), count),
            blocking(lambda: bearer.request("GET", url), count),
        ),
        "requests": (
            blocking(lambda: fixed.get(url, headers=FIXED, timeout=5), count),
            blocking(lambda: session.get(url, timeout=5), count),
        ),
    }
    for name in ("httpx", "httpx2"):
        library: Any = import_module(name)
        client, carrying = library.Client(), library.Client(auth=HttpxBearer(auth))
        found[f"{name} sync"] = (
            blocking(lambda c=client: c.get(url, headers=FIXED), count),
            blocking(lambda c=carrying: c.get(url), count),
        )
        aclient, acarrying = library.AsyncClient(), library.AsyncClient(auth=HttpxBearer(auth))
        found[f"{name} async"] = (
            awaiting(loop, lambda c=aclient: c.get(url, headers=FIXED), count),
            awaiting(loop, lambda c=acarrying: c.get(url), count),
        )
    return found


def seconds(work: Slice) -> float:
    """Return the processor seconds that a slice takes in this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(auth: CredicorpAuth, url: str, rounds: int, count: int) -> bool:
    """Print a line for each stack; report if all meet the target."""
    loop = asyncio.new_event_loop()
    cases = stacks(auth, url, count, loop)
    base: dict[str, list[float]] = {name: [] for name in cases}
    ratios: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, (fixed, bearer) in cases.items():
            before, carried, after = seconds(fixed), seconds(bearer), seconds(fixed)
            if number:  # the first round is the warm-up
                base[name].append((before + after) / 2 / count)
                ratios[name].append(2 * carried / (before + after))
    print(f"{rounds} rounds of {count} requests; processor time beside a fixed header\n")
    print(f"{'stack':<14} {'fixed':>9} {'ratio':>7} {'quartiles':>15}")
    kept, figures = True, {}
    for name, found in ratios.items():
        low, middle, high = statistics.quantiles(found, n=4)
        figures[name] = {"ratio": round(middle, 4), "quartiles": [round(low, 4), round(high, 4)]}
        kept &= middle <= TARGET
        fixed_us = statistics.median(base[name]) * 1e6
        print(f"{name:<14} {fixed_us:>6.0f} us {middle:>7.3f} {low:>7.3f} {high:>7.3f}")
    if len(sys.argv) == 1:  # the full run
        record(
            "overhead", {"rounds": rounds, "requests": count, "target": TARGET, "stacks": figures}
        )
    return kept


def main() -> int:
    """Run; return 0 if every stack meets the target."""
    rounds, count = (int(each) for each in (*sys.argv[1:], "25", "400")[:2])
    program = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/decisions/dec_1"
        with CredicorpAuth(
            base_url=url, client_id="bench", client_secret="dummy", transport=ScriptedTransport()
        ) as auth:
            kept = measure(auth, url, rounds, count)
        server.communicate()
    print("\nevery stack keeps to the target" if kept else f"\na stack costs more than {TARGET}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
