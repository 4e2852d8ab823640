"""Tests of an async client: concurrent calls, and calls that are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from attrs import frozen

from credicorp_auth import CredicorpAuth
from credicorp_auth.bearer.existing_header import Existing
from credicorp_auth_testing.contracts.bearer.harness import (
    REFUSED,
    BearerHarness,
    Got,
    closing,
    requests_to,
    serving,
    tokens_at,
)
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.wire import Hold, Receive, WireConnection, WireServer, response

_DONE: Final = response(b"done")
_CALLS: Final = 8


@frozen
class _RefuseFirstToken:
    """A step that responds with a 401 to the first token, and with 200 to any other."""

    def play(self, connection: WireConnection) -> None:
        refuses = b"Bearer token-1\r\n" in connection.received
        connection.socket.sendall(closing(REFUSED if refuses else _DONE))


class AsyncBearerHarness(BearerHarness):
    """The harness of an async bearer's tests; see `AsyncBearerContract`."""

    async def arequest(
        self,
        auth: CredicorpAuth,
        method: str,
        url: str,
        *,
        headers: dict[str, str],
        body: Any,
        scope: str | None,
        existing: Existing,
    ) -> Got:
        """Send one request under asyncio; the arguments are those of `request`."""
        raise NotImplementedError

    def request(self, auth: CredicorpAuth, method: str, url: str, **how: Any) -> Got:
        """Send one request in a loop of its own."""
        got: Got = _finish(self.arequest(auth, method, url, **how))
        return got

    def start(self, auth: CredicorpAuth, server: WireServer) -> asyncio.Task[Got]:
        """Start a GET request to the server."""
        sent = self.arequest(
            auth, "GET", server.url, headers={}, body=None, scope=None, existing="replace"
        )
        return asyncio.create_task(sent)


class ConcurrencyTests(AsyncBearerHarness):
    """Tests of an async client: concurrent calls, and calls that are cancelled."""

    def test_concurrent_calls_share_a_mint(
        self, auth_for: Callable[..., CredicorpAuth], transport: ScriptedTransport
    ) -> None:
        """Calls that wait for the first token leave the loop free, and send nothing before it."""
        transport.gate.clear()
        with WireServer(*serving(_DONE)) as server:
            auth = auth_for(server, timeout=4)

            async def go() -> tuple[int, list[Got]]:
                calls = [self.start(auth, server) for _ in range(_CALLS)]
                await _until(lambda: bool(transport.sent))
                too_early = len(requests_to(server))
                transport.gate.set()
                return too_early, await asyncio.gather(*calls)

            too_early, got = _finish(go())

            assert (0, [(200, b"done")] * _CALLS) == (too_early, got)
            assert [["Bearer token-1"]] * _CALLS == tokens_at(server)
        assert 1 == len(transport.sent)

    def test_concurrent_401s_share_a_mint(
        self, auth_for: Callable[..., CredicorpAuth], transport: ScriptedTransport
    ) -> None:
        """Calls that are refused at once are each repeated once, all with one new token."""
        with WireServer([Receive(), _RefuseFirstToken()]) as server:
            auth = auth_for(server)

            async def go() -> list[Got]:
                return await asyncio.gather(*(self.start(auth, server) for _ in range(_CALLS)))

            assert [(200, b"done")] * _CALLS == _finish(go())
            accepted = [each for each in tokens_at(server) if each != ["Bearer token-1"]]

        assert [["Bearer token-2"]] * _CALLS == accepted
        assert 2 == len(transport.sent)

    def test_a_cancelled_call_leaves_the_others(
        self, auth_for: Callable[..., CredicorpAuth], transport: ScriptedTransport
    ) -> None:
        """A call that is cancelled while it waits for the token sends nothing; the others do."""
        transport.gate.clear()
        with WireServer(*serving(_DONE)) as server:
            auth = auth_for(server, timeout=4)

            async def go() -> tuple[bool, list[Got]]:
                first, *others = [self.start(auth, server) for _ in range(_CALLS)]
                await _until(lambda: bool(transport.sent))
                cancelled = await _cancel(first)
                transport.gate.set()
                return cancelled, await asyncio.gather(*others)

            assert (True, [(200, b"done")] * (_CALLS - 1)) == _finish(go())
            assert [["Bearer token-1"]] * (_CALLS - 1) == tokens_at(server)
        assert 1 == len(transport.sent)

    def test_a_call_that_is_cancelled_amid_a_response(
        self, auth_for: Callable[..., CredicorpAuth], transport: ScriptedTransport
    ) -> None:
        """A call that is cancelled while the server is silent says nothing of the token."""
        with WireServer([Receive(), Hold()], *serving(_DONE)) as server:
            auth = auth_for(server)

            async def go() -> tuple[bool, Got]:
                call = self.start(auth, server)
                await _until(lambda: bool(requests_to(server)))
                return await _cancel(call), await self.start(auth, server)

            assert (True, (200, b"done")) == _finish(go())
            assert [["Bearer token-1"]] * 2 == tokens_at(server)
        assert 1 == len(transport.sent)

    def test_a_call_that_is_cancelled_amid_its_repetition(
        self, auth_for: Callable[..., CredicorpAuth], transport: ScriptedTransport
    ) -> None:
        """After a 401 and a cancellation, the next call uses the new token, minted once."""
        with WireServer([Receive(), _RefuseFirstToken()]) as server:
            auth = auth_for(server, timeout=4)
            auth.get_token()
            transport.gate.clear()

            async def go() -> tuple[bool, Got]:
                call = self.start(auth, server)
                await _until(lambda: len(transport.sent) == 2)
                cancelled = await _cancel(call)
                transport.gate.set()
                return cancelled, await self.start(auth, server)

            assert (True, (200, b"done")) == _finish(go())
            assert [["Bearer token-1"], ["Bearer token-2"]] == tokens_at(server)
        assert 2 == len(transport.sent)


def _finish(work: Coroutine[Any, Any, Any]) -> Any:
    """
    Run the coroutine in a loop and a thread of its own.

    A loop that cannot be ended does not keep the test from failing, nor does one that runs here.
    """
    outcomes: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    Thread(target=lambda: outcomes.put(asyncio.run(_outcome_of(work))), daemon=True).start()
    result, error = outcomes.get()
    wait_idle()
    if error is not None:
        raise error
    return result


async def _outcome_of(work: Coroutine[Any, Any, Any]) -> tuple[Any, BaseException | None]:
    try:
        return await work, None
    except BaseException as error:  # noqa: BLE001 - it is raised in the thread of the test
        return None, error


async def _until(is_so: Callable[[], bool]) -> None:
    """Wait for the condition, and let every other task come as far as it can."""
    for _ in iter(is_so, True):
        await asyncio.sleep(0.001)
    for _ in range(20):
        await asyncio.sleep(0)


async def _cancel(call: asyncio.Task[Got]) -> bool:
    """Cancel a call; return true if it ended by that."""
    call.cancel()
    await asyncio.wait([call])
    return call.cancelled()
