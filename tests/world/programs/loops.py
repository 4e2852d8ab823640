"""
Two hundred tasks that need one token, on an event loop of another kind.

    python loops.py LOOP PULSE SERVER

LOOP is asyncio, uvloop or trio. It prints JSON: the tokens with their counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter

from credicorp_auth import CredicorpAuth

LOOP, PULSE, SERVER = sys.argv[1:]
TASKS = 200
outcomes: Counter[str] = Counter()
auth = CredicorpAuth(base_url=SERVER, client_id="id", client_secret="s", timeout=60)


async def call() -> None:
    """Count a token."""
    outcomes[(await auth.aget_token()).value.reveal()] += 1


async def send_beats() -> None:
    """Send a beat every few milliseconds."""
    _, pulse = await asyncio.open_connection("127.0.0.1", int(PULSE))
    while True:
        await asyncio.sleep(0.002)
        pulse.write(b".")


async def on_asyncio() -> None:
    """Run all tasks, and beats beside them."""
    beats = asyncio.create_task(send_beats())
    await asyncio.gather(*(call() for _ in range(TASKS)))
    beats.cancel()


async def on_trio() -> None:
    """Run all tasks, and beats beside them."""
    import trio

    async def beat_on_trio() -> None:
        pulse = await trio.open_tcp_stream("127.0.0.1", int(PULSE))
        while True:
            await trio.sleep(0.002)
            await pulse.send_all(b".")

    async with trio.open_nursery() as beats:
        beats.start_soon(beat_on_trio)
        async with trio.open_nursery() as calls:
            for _ in range(TASKS):
                calls.start_soon(call)
        beats.cancel_scope.cancel()


def main() -> None:
    """Run the loop."""
    if LOOP == "trio":
        import trio

        trio.run(on_trio)
    elif LOOP == "uvloop":
        import uvloop

        uvloop.run(on_asyncio())
    else:
        asyncio.run(on_asyncio())
    print(json.dumps(outcomes))


main()
