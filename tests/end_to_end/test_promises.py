"""What the library promises, kept against a real authorization server on real sockets."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time

import pytest

from credicorp_auth import errors
from credicorp_auth.testing.clock import MovableClock
from credicorp_auth_urllib3 import BearerPoolManager

HERD = 1_000


class Watch:
    """Counts the events of one object."""

    def __init__(self):
        self.lock = threading.Lock()
        self.names = []

    def __call__(self, event):
        """Take note of an event."""
        with self.lock:
            self.names.append(event.name)

    def waits_after_the_first_mint(self):
        """Count the calls that had to wait for a mint, once there had been one."""
        first = self.names.index("token.minted")
        last_of_the_first = first
        # Those who waited for the first mint say so right after it.
        while self.names[last_of_the_first + 1 :][:1] == ["token.waited"]:
            last_of_the_first += 1
        return self.names[last_of_the_first + 1 :].count("token.waited")


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


@pytest.mark.long
def test_short_tokens_are_renewed_behind_the_backs_of_threads(open_sandbox, connect):
    """3-second tokens, 300 ms to mint, 8 threads for 20 s: nobody waits, nobody meets a 401."""
    sandbox, watch = open_sandbox(expires_in=3, token_latency=0.3), Watch()
    auth = connect(sandbox, observers=[watch])
    auth.get_token()
    end = time.monotonic() + 20
    statuses = set()

    def caller():
        with BearerPoolManager(auth) as pool:
            while time.monotonic() < end:
                statuses.add(pool.request("GET", f"{sandbox.base_url}/decisions/dec_1").status)
                time.sleep(0.01)

    run_threads(8, caller)

    assert {200} == statuses
    assert 0 == sandbox.counters["api_401"]
    assert 0 == watch.waits_after_the_first_mint()
    assert sandbox.counters["mints"] <= 16


@pytest.mark.long
def test_short_tokens_are_renewed_behind_the_backs_of_tasks(open_sandbox, connect):
    """The same with 8 tasks, whose event loop is never held up."""
    sandbox, watch = open_sandbox(expires_in=3, token_latency=0.3), Watch()
    auth = connect(sandbox, observers=[watch])
    auth.get_token()
    end = time.monotonic() + 20
    expired, stalls = [], []

    async def caller():
        while time.monotonic() < end:
            token = await auth.aget_token()
            if token.expires_at <= time.time():
                expired.append(token)
            await asyncio.sleep(0.01)

    async def ticker():
        while time.monotonic() < end:
            started = time.monotonic()
            await asyncio.sleep(0.005)
            stalls.append(time.monotonic() - started)

    async def main():
        await asyncio.gather(ticker(), *(caller() for _ in range(8)))

    asyncio.run(main())

    assert [] == expired
    assert 0 == watch.waits_after_the_first_mint()
    assert sandbox.counters["mints"] <= 16
    # A loop that waited for a mint would stand still for 300 ms; a busy machine may take its share.
    assert sorted(stalls)[len(stalls) * 99 // 100] < 0.05


@pytest.mark.parametrize("lifetime", [1, 2, pytest.param(5, marks=pytest.mark.long)])
def test_short_lives_are_used(open_sandbox, connect, lifetime):
    """Tokens of 1, 2 and 5 s are each used for at least 40 % of their life, and never after."""
    sandbox = open_sandbox(expires_in=lifetime)
    auth = connect(sandbox)
    end = time.monotonic() + 3 * lifetime
    uses = {}
    while time.monotonic() < end:
        token = auth.get_token()
        now = time.time()
        assert now < token.expires_at
        first, _ = uses.get(token.value, (now, now))
        uses[token.value] = (first, now)
        time.sleep(0.005)
    complete = list(uses.values())[:-1]

    assert all(last - first >= 0.4 * lifetime for first, last in complete)
    assert sandbox.counters["mints"] <= 3 / 0.4 + 2


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
    end = time.monotonic() + 2
    statuses = []

    def caller():
        with BearerPoolManager(auth) as pool:
            while time.monotonic() < end:
                statuses.append(pool.request("GET", f"{sandbox.base_url}/decisions/dec_1").status)

    revoking = threading.Timer(1, sandbox.tokens.revoke)
    revoking.start()
    run_threads(8, caller)
    revoking.join()

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


def test_fault_290_a_fork_in_mid_flight_harms_neither_side(open_sandbox, start_program):
    """290: 200 forks while a flight is under way: each child is served within 2 s."""
    sandbox = open_sandbox(token_latency=0.02, token_rate=10_000, token_burst=10_000)
    program = start_program("fork_storm.py", sandbox, "200")
    out, err = program.communicate(timeout=110)

    assert ("", 0) == (err, program.returncode)
    assert {"children": 200, "served": 200, "parents": 200} == json.loads(out)


def test_a_process_that_was_frozen_sends_no_dead_token(open_sandbox, start_program):
    """A process stopped in mid-mint for longer than its token's life goes on with a living one."""
    sandbox = open_sandbox(expires_in=1, token_latency=0.3)
    program = start_program("frozen.py", sandbox)
    assert json.loads(program.stdout.readline()) == {"sent": True}
    program.send_signal(signal.SIGSTOP)
    time.sleep(2.0)
    program.send_signal(signal.SIGCONT)
    out, err = program.communicate(timeout=30)
    told = json.loads(out.splitlines()[-1])

    assert ("", 0) == (err, program.returncode)
    assert isinstance(told["first"], str) or told["first"] > 0
    assert told["second"] > 0


def test_fault_297_tokens_can_be_had_while_the_interpreter_goes_down(open_sandbox, start_program):
    """297: at exit the caller flies the story itself; in a finaliser nothing hangs."""
    sandbox = open_sandbox()
    program = start_program("at_exit.py", sandbox)
    out, err = program.communicate(timeout=30)

    assert ("", 0) == (err, program.returncode)
    assert ["atexit Bearer", "finaliser answered"] == sorted(out.splitlines())
