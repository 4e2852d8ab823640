"""What the library promises, kept against a real authorization server on real sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from contextvars import ContextVar
from itertools import pairwise

import pytest

from credicorp_auth import errors
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_urllib3 import BearerPoolManager

pytestmark = pytest.mark.slow

HERD = 1_000


class Watch:
    """
    Watches what callers wait for: what is said in a call is said on the caller's thread or task.

    A wait is needless if it ends while the token that the caller had is to be handed out still: up
    to nine tenths of its life. A busy machine makes waits end later, and so makes none needless.
    """

    def __init__(self, lifetime):
        self.lifetime = lifetime
        self.lock = threading.Lock()
        self.tokens, self.waits, self.needless = {}, 0, 0
        self.beats, self.begun, self.beats_in_mints = 0, 0, []
        self._waited = ContextVar("waited", default=False)

    def __call__(self, event):
        """Take note of an event."""
        if event.name == "token.waited":
            self._waited.set(True)
        elif event.name == "request.sent":
            self.begun = self.beats
        elif event.name == "token.minted":
            self.beats_in_mints.append(self.beats - self.begun)

    def ask(self):
        """Begin a call: return when."""
        self._waited.set(False)
        return time.time()

    def got(self, asked, held, token):
        """Take note of the token that came of a call; return it."""
        waited, ended = self._waited.get(), time.time()
        assert asked < token.expires_at
        with self.lock:
            self.tokens[token.value] = token.expires_at
            if waited and held is not None:
                self.waits += 1
                self.needless += ended < held.expires_at - self.lifetime / 10 - 0.01
        return token

    def renewed(self):
        """Say of each successor whether it was asked for before its predecessor had to be waited for."""
        ends = sorted(self.tokens.values())
        return [
            after - self.lifetime < before - self.lifetime / 10 for before, after in pairwise(ends)
        ]

    def used(self):
        """Return for how long each token was used before the next one was asked for."""
        return [after - before for before, after in pairwise(sorted(self.tokens.values()))]


def most_mints(seconds, lifetime):
    """Return how many tokens may be minted in a time, if each is used for 40 % of its life."""
    return seconds / (0.4 * lifetime) + 2


def run_threads(count, work):
    """Run so many threads to their end; return what they returned."""
    results = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_cold_start_of_a_thousand_threads_is_one_post(open_sandbox, connect):
    """1,000 threads on a cold object: exactly one POST reaches the server."""
    sandbox = open_sandbox(token_latency=0.5)
    auth = connect(sandbox)

    assert 1 == len(set(run_threads(HERD, auth.header)))
    assert 1 == sandbox.counters["token_requests"]


def test_a_cold_start_of_a_thousand_tasks_is_one_post(open_sandbox, connect):
    """1,000 tasks on a cold object: exactly one POST reaches the server."""
    sandbox = open_sandbox(token_latency=0.2)
    auth = connect(sandbox)

    async def main():
        return set(await asyncio.gather(*(auth.aheader() for _ in range(HERD))))

    assert 1 == len(asyncio.run(main()))
    assert 1 == sandbox.counters["token_requests"]


def test_threads_and_tasks_on_one_object_are_one_post(open_sandbox, connect):
    """Threads and tasks mixed on one cold object: exactly one POST reaches the server."""
    sandbox = open_sandbox(token_latency=0.5)
    auth = connect(sandbox)
    headers = []

    async def main():
        headers.extend(await asyncio.gather(*(auth.aheader() for _ in range(HERD // 2))))

    loop = threading.Thread(target=lambda: asyncio.run(main()))
    loop.start()
    headers += run_threads(HERD // 2, auth.header)
    loop.join()

    assert (HERD, 1) == (len(headers), len(set(headers)))
    assert 1 == sandbox.counters["token_requests"]


def test_short_tokens_are_renewed_behind_the_backs_of_threads(
    open_sandbox, connect, scale, evidence
):
    """3-second tokens, 300 ms to mint, 8 threads for 20 s: nobody waits, nobody meets a 401."""
    lifetime = 3 if scale == 1 else 2
    sandbox = open_sandbox(expires_in=lifetime, token_latency=0.3)
    watch = Watch(lifetime)
    auth = connect(sandbox, observers=[watch])
    auth.get_token()
    begun = time.monotonic()
    end = begun + max(20 * scale, 2.5 * lifetime)
    statuses = []

    def caller():
        held = None
        with BearerPoolManager(auth) as pool:
            while time.monotonic() < end:
                held = watch.got(watch.ask(), held, auth.get_token())
                statuses.append(pool.request("GET", f"{sandbox.base_url}/decisions/dec_1").status)
                time.sleep(0.01)

    run_threads(8, caller)
    took = time.monotonic() - begun

    assert {200} == set(statuses)
    assert 0 == watch.needless
    assert any(watch.renewed())
    assert sandbox.counters["mints"] <= most_mints(took, lifetime)
    evidence(
        "renewal-threads",
        seconds=round(took, 1),
        requests=len(statuses),
        mints=sandbox.counters["mints"],
        waits=watch.waits,
        answers_401=sandbox.counters["api_401"],
    )
    if scale == 1:  # by itself, on a machine that has nothing else to do
        assert (0, 0) == (watch.waits, sandbox.counters["api_401"])
        assert all(watch.renewed())


def test_short_tokens_are_renewed_behind_the_backs_of_tasks(open_sandbox, connect, scale, evidence):
    """The same with 8 tasks, whose event loop is never held up."""
    lifetime = 3 if scale == 1 else 2
    sandbox = open_sandbox(expires_in=lifetime, token_latency=0.3)
    watch = Watch(lifetime)
    auth = connect(sandbox, observers=[watch])
    begun = time.monotonic()
    end = begun + max(20 * scale, 2.5 * lifetime)
    calls = []

    async def caller():
        held = None
        while time.monotonic() < end:
            held = watch.got(watch.ask(), held, await auth.aget_token())
            calls.append(1)
            await asyncio.sleep(0.01)

    async def ticker():
        while time.monotonic() < end:
            await asyncio.sleep(0.005)
            watch.beats += 1

    async def main():
        await asyncio.gather(ticker(), *(caller() for _ in range(8)))

    asyncio.run(main())
    took = time.monotonic() - begun

    assert 0 == watch.needless
    assert any(watch.renewed())
    assert sandbox.counters["mints"] <= most_mints(took, lifetime)
    assert 3 <= min(watch.beats_in_mints)  # a loop that waited for a mint would stand still in it
    evidence(
        "renewal-tasks",
        seconds=round(took, 1),
        calls=len(calls),
        mints=sandbox.counters["mints"],
        waits=watch.waits,
        fewest_beats_of_the_loop_in_a_mint=min(watch.beats_in_mints),
    )
    if scale == 1:  # by itself, on a machine that has nothing else to do
        assert 0 == watch.waits
        assert all(watch.renewed())


@pytest.mark.parametrize("lifetime", [1, 2, pytest.param(5, marks=pytest.mark.proof)])
def test_short_lives_are_used(open_sandbox, connect, lifetime):
    """Tokens of 1, 2 and 5 s are each used for at least 40 % of their life, and never after."""
    sandbox, watch = open_sandbox(expires_in=lifetime), Watch(lifetime)
    auth = connect(sandbox)
    begun = time.monotonic()
    while time.monotonic() < begun + 3 * lifetime:
        watch.got(watch.ask(), None, auth.get_token())
        time.sleep(0.005)

    assert all(seconds >= 0.4 * lifetime for seconds in watch.used())
    assert 2 <= sandbox.counters["mints"] <= most_mints(time.monotonic() - begun, lifetime)


def test_a_rate_limited_endpoint_is_left_alone(open_sandbox, connect):
    """429 with Retry-After 2 for 3 s: two requests at most; holders of a token notice nothing."""
    sandbox = open_sandbox()
    auth = connect(sandbox)
    auth.get_token()
    before = sandbox.counters["token_requests"]
    sandbox.switches.refuse(3, status=429, retry_after=2)
    end = time.monotonic() + 3
    served, refused = [], []

    def holder():
        while time.monotonic() < end:
            served.append(auth.header())
            time.sleep(0.01)

    def newcomer():
        while time.monotonic() < end:
            try:
                auth.get_token("applications:write", timeout=0.2)
            except (errors.TokenEndpointBusy, errors.DeadlinePassed) as error:
                refused.append(error)
            time.sleep(0.01)

    holders = threading.Thread(target=lambda: run_threads(4, holder))
    holders.start()
    run_threads(4, newcomer)
    holders.join()

    assert 1 == len(set(served))
    assert len(refused) > 0
    assert sandbox.counters["token_429"] <= 2
    assert sandbox.counters["token_requests"] - before <= 3
    assert "applications:write" == str(auth.get_token("applications:write").scope)


def test_a_revoked_token_is_replaced_without_a_caller_seeing_it(open_sandbox, connect):
    """All tokens are revoked under 8 busy threads: no caller sees a 401, and one mint cures it."""
    sandbox = open_sandbox()
    auth = connect(sandbox)
    ended, statuses = threading.Event(), []

    def caller():
        with BearerPoolManager(auth) as pool:
            while not ended.is_set():
                statuses.append(pool.request("GET", f"{sandbox.base_url}/decisions/dec_1").status)

    callers = threading.Thread(target=run_threads, args=(8, caller))
    callers.start()
    for so_many, then in ((200, sandbox.tokens.revoke), (600, ended.set)):
        while len(statuses) < so_many and callers.is_alive():
            time.sleep(0.01)
        then()
    callers.join()

    assert {200} == set(statuses)
    assert 2 == sandbox.counters["mints"]
    assert 1 <= sandbox.counters["api_401"] <= 8


def test_a_resource_that_refuses_everything_costs_a_handful_of_mints(open_sandbox, connect):
    """100 calls that are all answered 401 cost at most 5 mints."""
    sandbox = open_sandbox()
    sandbox.switches.api_refuses_all = True
    auth = connect(sandbox)
    with BearerPoolManager(auth) as pool:
        statuses = [
            pool.request("GET", f"{sandbox.base_url}/decisions/dec_1").status for _ in range(100)
        ]

    assert [401] * 100 == statuses
    assert sandbox.counters["mints"] <= 5


def test_fault_365_a_route_that_refuses_every_token_costs_few_mints(open_sandbox):
    """365: ten minutes of a call a second to it, and to one that works: at most 8 mints."""
    from credicorp_auth import CredicorpAuth, Settings

    sandbox = open_sandbox(api_rate=100_000.0, api_burst=100_000)
    sandbox.switches.refused_paths = ("/partner/v1/decisions/dec_0",)
    clock = MovableClock()
    settings = Settings(
        base_url=sandbox.base_url,
        client_id=sandbox.client_id,
        client_secret=sandbox.client_secret,
        scope="decisions:read",
    )
    statuses = set()
    with (
        CredicorpAuth.from_settings(settings, clock=clock) as auth,
        BearerPoolManager(auth) as pool,
    ):
        for _ in range(600):
            statuses.add(
                tuple(
                    pool.request("GET", f"{sandbox.base_url}/decisions/{name}").status
                    for name in ("dec_0", "dec_1")
                )
            )
            clock.advance(1)

    assert {(401, 200)} == statuses
    assert 8 == sandbox.counters["mints"]


def test_a_key_rotation_goes_unnoticed(open_sandbox, connect):
    """New signing keys at the server change nothing for those who hold a token."""
    sandbox = open_sandbox(algorithm="ES256")
    auth = connect(sandbox)
    with BearerPoolManager(auth) as pool:
        url = f"{sandbox.base_url}/decisions/dec_1"
        first = pool.request("GET", url).status
        sandbox.keys.rotate()
        second = pool.request("GET", url).status

    assert (200, 200, 1) == (first, second, sandbox.counters["mints"])


def test_a_rotated_client_secret_is_picked_up(open_sandbox, connect, monkeypatch):
    """A secret that was rotated at server and source works at the next mint, without a restart."""
    from credicorp_auth import CredicorpAuth

    sandbox = open_sandbox()
    monkeypatch.setenv("CREDICORP_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("CREDICORP_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("CREDICORP_CLIENT_SECRET", sandbox.client_secret)
    with CredicorpAuth.from_env() as auth:
        auth.get_token("decisions:read")
        sandbox.client.add_secret("csk_sbx_second")
        sandbox.client.revoke_secret(sandbox.client_secret)
        monkeypatch.setenv("CREDICORP_CLIENT_SECRET", "csk_sbx_second")
        auth.get_token("applications:write")

    assert 3 == sandbox.counters["token_requests"]
    assert 1 == sandbox.counters["token_refused"]


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_both_ways_of_client_authentication_work(open_sandbox, connect, method):
    """An independent server accepts our form fields and our Basic header alike."""
    auth = connect(open_sandbox(), client_authentication=method)

    assert "decisions:read" == str(auth.get_token().scope)


def test_fault_290_a_fork_in_mid_flight_harms_neither_side(
    open_sandbox, start_program, scale, evidence
):
    """290: 200 forks while a call is under way: each child is served within 2 s."""
    sandbox = open_sandbox(token_latency=0.02, token_rate=10_000, token_burst=10_000)
    forks = max(20, round(200 * scale))
    program = start_program("fork_storm.py", sandbox, str(forks))
    out, err = program.communicate(timeout=300)

    assert ("", 0) == (err, program.returncode)
    emitted = json.loads(out)
    evidence("fork-storm", **emitted)
    assert {"children": forks, "served": forks, "parents": forks} == emitted


def test_a_process_that_was_frozen_sends_no_dead_token(open_sandbox, start_program):
    """A process stopped in mid-mint for longer than its token's life goes on with a living one."""
    sandbox = open_sandbox(expires_in=2, token_latency=0.3)
    program = start_program("frozen.py", sandbox)
    assert json.loads(program.stdout.readline()) == {"sent": True}
    program.send_signal(signal.SIGSTOP)
    time.sleep(3.0)
    program.send_signal(signal.SIGCONT)
    out, err = program.communicate(timeout=300)
    emitted = json.loads(out.splitlines()[-1])

    assert ("", 0) == (err, program.returncode)
    assert isinstance(emitted["first"], str) or emitted["first"] > 0
    assert emitted["second"] > 0


def test_fault_297_tokens_can_be_had_while_the_interpreter_goes_down(open_sandbox, start_program):
    """297: at exit the caller runs the call itself; in a finaliser nothing hangs."""
    sandbox = open_sandbox()
    program = start_program("at_exit.py", sandbox)
    out, err = program.communicate(timeout=300)

    assert ("", 0) == (err, program.returncode)
    assert ["atexit Bearer", "finaliser answered"] == sorted(out.splitlines())
