"""Teams mix HTTP stacks: one object serves all of them, and any of them carries its requests."""

from __future__ import annotations

import asyncio
import threading
from importlib import import_module

import pytest
import requests
import trio

from credicorp_auth_httpx import BearerAuth as HttpxBearer
from credicorp_auth_requests import BearerAuth as RequestsBearer
from credicorp_auth_urllib3 import BearerPoolManager

pytestmark = pytest.mark.slow

PARALLEL = 50
LIBRARIES = ["httpx", "httpx2"]


def over_urllib3(auth, url, count):
    with BearerPoolManager(auth, maxsize=count) as http:
        return in_threads(count, lambda: http.request("GET", url).status)


def over_requests(auth, url, count):
    def call():
        return requests.get(url, auth=RequestsBearer(auth), timeout=30).status_code

    return in_threads(count, call)


def over_sync(library):
    def over(auth, url, count):
        with import_module(library).Client(auth=HttpxBearer(auth), timeout=30) as client:
            return in_threads(count, lambda: client.get(url).status_code)

    return over


def over_asyncio(library):
    def over(auth, url, count):
        async def main():
            async with import_module(library).AsyncClient(
                auth=HttpxBearer(auth), timeout=30
            ) as client:
                responses = await asyncio.gather(*(client.get(url) for _ in range(count)))
            return [each.status_code for each in responses]

        return asyncio.run(main())

    return over


def over_trio(library):
    def over(auth, url, count):
        statuses = []

        async def call(client):
            statuses.append((await client.get(url)).status_code)

        async def main():
            async with import_module(library).AsyncClient(
                auth=HttpxBearer(auth), timeout=30
            ) as client:
                async with trio.open_nursery() as nursery:
                    for _ in range(count):
                        nursery.start_soon(call, client)

        trio.run(main)
        return statuses

    return over


STACKS = {
    "urllib3": over_urllib3,
    "requests": over_requests,
    **{f"{each} sync": over_sync(each) for each in LIBRARIES},
    **{f"{each} asyncio": over_asyncio(each) for each in LIBRARIES},
    **{f"{each} trio": over_trio(each) for each in LIBRARIES},
}


def in_threads(count, call):
    """Call so many times at once; return what came of it."""
    together, results = threading.Barrier(count), []

    def work():
        together.wait()
        results.append(call())

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_one_object_serves_every_stack_with_one_token(open_sandbox, connect):
    """requests, httpx, httpx2 and urllib3, blocking, under asyncio and under trio: 1 mint in all."""
    sandbox = open_sandbox()
    auth = connect(sandbox)
    url = f"{sandbox.base_url}/decisions/dec_1"

    assert {name: [200] * 3 for name in STACKS} == {
        name: over(auth, url, 3) for name, over in STACKS.items()
    }
    assert 1 == sandbox.counters["mints"]
    assert 0 == sandbox.counters["api_401"]


@pytest.mark.parametrize("stack", STACKS)
def test_fault_108_fifty_calls_that_meet_a_revoked_token_cost_one_mint(
    open_sandbox, connect, stack
):
    """108: nobody sees a 401, and exactly one new token is minted."""
    sandbox = open_sandbox()
    auth = connect(sandbox)
    auth.get_token()
    sandbox.tokens.revoke()
    statuses = STACKS[stack](auth, f"{sandbox.base_url}/decisions/dec_1", PARALLEL)

    assert [200] * PARALLEL == statuses
    assert 2 == sandbox.counters["mints"]
    assert 1 <= sandbox.counters["api_401"] <= PARALLEL


@pytest.mark.parametrize("transport", ["urllib3", "requests", *LIBRARIES])
def test_any_stack_carries_the_token_request(open_sandbox, connect, transport):
    """A transport is chosen by its name alone."""
    sandbox = open_sandbox()
    auth = connect(sandbox, transport=transport)

    assert "decisions:read" == str(auth.get_token().scope)
    assert transport == auth.get_token().provenance.adapter
    assert 1 == sandbox.counters["token_requests"]


def test_a_loop_goes_on_while_a_token_is_minted(open_sandbox, connect):
    """A client whose request must wait for a mint holds up no other task of its loop."""
    sandbox = open_sandbox(token_latency=0.5)
    beats, in_mint = [], []

    def observe(event):
        if event.name in {"request.sent", "token.minted"}:
            in_mint.append(len(beats))

    auth = connect(sandbox, observers=[observe])

    async def main(library):
        async def heartbeat():
            while True:
                await asyncio.sleep(0.01)
                beats.append(1)

        heart = asyncio.create_task(heartbeat())
        async with library.AsyncClient(auth=HttpxBearer(auth), timeout=30) as client:
            await client.get(f"{sandbox.base_url}/decisions/dec_1")
        heart.cancel()

    asyncio.run(main(import_module("httpx")))

    sent, minted = in_mint
    assert 3 <= minted - sent  # a loop that waited would stand still


def test_a_thousand_tasks_of_trio_are_one_post(open_sandbox, connect):
    """1,000 tasks of trio on a cold object: one POST; one of them gives up alone."""
    sandbox = open_sandbox(token_latency=1.0)
    auth = connect(sandbox)
    headers = []

    async def call():
        headers.append(await auth.aheader())

    async def give_up():
        with trio.move_on_after(0.05):
            await auth.aheader()
        headers.append(None)

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(give_up)
            for _ in range(1000):
                nursery.start_soon(call)
        await auth.aclose()

    trio.run(main)

    assert (None, 1001, 2) == (headers[0], len(headers), len(set(headers)))
    assert 1 == sandbox.counters["token_requests"]
