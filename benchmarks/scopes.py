"""
Cost of a call by the number of scope sets in use: processor time with a fresh token.

    python scopes.py [rounds] [calls]

One object holds a token for each of 10,000 scope sets. A round measures a slice of calls for one of
them, one that cycles through many, and one for the first again. Only the ratio to the neighbouring
slices counts, since a machine's speed changes within a second. The target is a median ratio of at
most 1.5. A plain dict of tuples with one clock is measured in the same way: the processor's caches
hold one entry and not ten thousand, in any implementation. The program also prints get_token,
header and aheader beside such a dict of one entry.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
import time
from typing import TYPE_CHECKING, Any

from credicorp_auth import CredicorpAuth, Scope
from credicorp_auth_testing.fakes import ScriptedTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TARGET = 1.5
SCOPES = 10_000


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds that the work takes in this process."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def going_round(
    call: Callable[[Any], object], scopes: Sequence[str | Scope], calls: int
) -> Callable[[], None]:
    """Return a slice of `calls` calls that cycles through the scopes."""
    turn = itertools.cycle(scopes)

    def run() -> None:
        for scope in itertools.islice(turn, calls):
            call(scope)

    return run


def plain_dict(scopes: Sequence[str]) -> Callable[[str], str | None]:
    """Return a function that looks up a token in a dict and reads one clock."""
    clock = time.monotonic
    held = {scope: (f"token for {scope}", clock() + 3600) for scope in scopes}

    def find(scope: str) -> str | None:
        value, expiry = held[scope]
        return value if clock() < expiry else None

    return find


def measure(
    name: str,
    call: Callable[[Any], object],
    scopes: Sequence[str | Scope],
    rounds: int,
    calls: int,
) -> bool:
    """Print a line for each number of scopes; report if all meet the target."""
    one = going_round(call, scopes[:1], calls)
    kept = True
    for count in (100, 1000, SCOPES):
        many = going_round(call, scopes[:count], calls)
        ratios, spent = [], []
        for _ in range(rounds):
            before, taken, after = seconds(one), seconds(many), seconds(one)
            ratios.append(2 * taken / (before + after))
            spent.append(taken / calls)
        middle = statistics.median(ratios)
        kept &= middle <= TARGET
        print(f"{name:<18} {count:>6} {statistics.median(spent) * 1e9:>7.0f} ns {middle:>6.2f}")
    return kept


def fresh_path(auth: CredicorpAuth, rounds: int, calls: int) -> None:
    """Print the cost of a call for the default scope, beside one dict and one clock."""
    cache, clock = {"key": ("Bearer token", time.monotonic() + 3600)}, time.monotonic

    def floor() -> str | None:
        value, expiry = cache["key"]
        return value if clock() < expiry else None

    def repeated(call: Callable[[], object]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(calls):
                call()

        return run

    async def awaited() -> None:
        for _ in range(calls):
            await auth.aheader()

    loop = asyncio.new_event_loop()
    base = repeated(floor)
    cases: dict[str, Callable[[], object]] = {
        "get_token": repeated(auth.get_token),
        "header": repeated(auth.header),
        "aheader": lambda: loop.run_until_complete(awaited()),
    }
    for name, case in cases.items():
        ratios = []
        for _ in range(rounds):
            before, taken, after = seconds(base), seconds(case), seconds(base)
            ratios.append(2 * taken / (before + after))
        print(f"{name:<10} {statistics.median(ratios):>6.2f} times the floor")
    loop.close()


def main() -> int:
    """Run; return 0 if the cost does not grow with the number of scopes."""
    rounds, calls = (int(each) for each in (*sys.argv[1:], "25", "20000")[:2])
    texts = [f"read:{number} write:{number}" for number in range(SCOPES)]
    transport = ScriptedTransport()
    with CredicorpAuth(
        base_url="https://as.example", client_id="bench", client_secret="dummy", transport=transport
    ) as auth:
        auth.get_token()
        begun = time.perf_counter()
        for text in texts:
            auth.get_token(text)
        first = time.perf_counter() - begun
        print(f"{SCOPES} scope sets minted in {first:.1f} s; {len(transport.sent) - 1} requests\n")
        print(f"{'':<18} {'sets':>6} {'a call':>10} {'ratio':>6}")
        measure("a plain dict", plain_dict(texts), texts, rounds, calls)
        kept = measure("get_token, text", auth.get_token, texts, rounds, calls)
        scopes = [Scope(text) for text in texts]
        kept &= measure("get_token, Scope", auth.get_token, scopes, rounds, calls)
        print()
        fresh_path(auth, rounds, calls)
        requests = len(transport.sent) - 1
    print(f"\n{requests} requests in all")
    kept &= requests == SCOPES
    print("the cost is flat" if kept else f"the cost is more than {TARGET} times that of one")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
