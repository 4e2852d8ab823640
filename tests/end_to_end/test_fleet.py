"""One token for a whole fleet: processes that share a cache, against a real server."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from credicorp_auth.engine.storage.lease import LEASE_SECONDS
from redis_server import RedisServer, find_redis

pytestmark = pytest.mark.slow

# A hundred processes on two processors wait for each other, not for Redis: without this they would
# give it up, as they should where a server is slow, and each mint alone.
PATIENCE = 20.0


@pytest.fixture(scope="module")
def redis():
    """Run one Redis for the tests of this module."""
    try:
        find_redis()
    except FileNotFoundError as missing:
        if os.environ.get("CREDICORP_CI") == "1":
            raise
        pytest.skip(str(missing))
    with RedisServer() as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def shared(request, tmp_path):
    """Name a cache that processes share."""
    if request.param == "file":
        return {"cache": "file", "cache_options": {"directory": str(tmp_path / "tokens")}}
    server = request.getfixturevalue("redis")
    return {"cache": "redis", "cache_options": {"url": server.url}, "cache_timeout": PATIENCE}


@pytest.fixture
def fleet(start_program):
    """Start fleets, let them go, and gather what their workers say."""
    with ExitStack() as stack:

        def start(sandbox, workers, settings, *, seconds=0.0, interval=0.02, lifetime=0.0):
            as_dict = {
                "settings": {"scope": "decisions:read", **settings},
                "workers": workers,
                "seconds": seconds,
                "interval": interval,
                "lifetime": lifetime,
            }
            program = start_program("fleet.py", sandbox, json.dumps(as_dict))
            stack.enter_context(program)
            stack.callback(program.kill)
            return Fleet(program)

        yield start


class Fleet:
    """Processes that wait to begin."""

    def __init__(self, program):
        self.program = program
        assert "ready\n" == program.stdout.readline(), program.stderr.read()

    def go(self):
        """Let them all begin at once."""
        self.program.stdin.write("go\n")
        self.program.stdin.flush()

    def worker(self):
        """Return the process id of its only worker."""
        pid = self.program.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    def gather(self):
        """Wait for the end; return what each worker says."""
        said, complaints = self.program.communicate(timeout=300)
        assert "" == complaints
        return json.loads(said)

    def run(self):
        """Begin, and gather."""
        self.go()
        return self.gather()


@pytest.mark.parametrize("workers", [8, 100])
def test_fault_148_processes_that_start_cold_together_mint_once(
    open_sandbox, fleet, shared, workers
):
    """148: 8 processes, or 100, that start cold at once make one token request between them."""
    sandbox = open_sandbox(token_latency=0.3)
    said = fleet(sandbox, workers, shared).run()

    assert [1] * workers == [each["calls"] for each in said]
    assert 1 == sandbox.counters["token_requests"]


def test_four_hosts_with_eight_workers_each_never_wait_again(
    open_sandbox, fleet, redis, scale, evidence
):
    """20 s of 3-second tokens, 32 workers on 4 hosts that share a Redis: one mint a life, no wait."""
    lifetime, hosts, workers = (3, 4, 8) if scale == 1 else (2, 2, 2)
    sandbox = open_sandbox(expires_in=lifetime, token_latency=0.3)
    seconds = max(20 * scale, 2.5 * lifetime)
    with RedisServer() as server:
        settings = {
            "cache": "redis",
            "cache_options": {"url": server.url},
            "cache_timeout": PATIENCE,
        }
        started = [
            fleet(sandbox, workers, settings, seconds=seconds, lifetime=lifetime)
            for _ in range(hosts)
        ]
        begun = time.monotonic()
        for each in started:
            each.go()
        said = [worker for each in started for worker in each.gather()]
    took, mints = time.monotonic() - begun, sandbox.counters["token_requests"]

    assert hosts * workers == len(said)
    assert [] == [code for each in said for code in each["failures"]]
    # A token is used for 40 % of its life, no matter who asks for the next one.
    assert mints <= took / (0.4 * lifetime) + 2
    assert 0 == sum(each["needless"] for each in said)
    # The next token is asked for before anybody has to wait for it, at nine tenths of a life. Two
    # hosts may see the end of one token some milliseconds apart.
    ends = sorted(end for each in said for end in each["ends"])
    between = [after - before for before, after in pairwise(ends) if after - before > 0.1]
    assert any(each < 0.9 * lifetime for each in between)
    evidence(
        "fleet-of-32",
        seconds=seconds,
        workers=len(said),
        calls=sum(each["calls"] for each in said),
        mints=mints,
        waits=sum(each["waits"] for each in said),
        slowest_call_ms=round(1000 * max(each["slowest"] for each in said)),
    )
    if scale == 1:  # by itself, on a machine that has nothing else to do
        assert mints <= 16
        assert 0 == sum(each["waits"] for each in said)


def test_fault_149_171_a_holder_that_dies_is_succeeded(open_sandbox, fleet, shared):
    """149, 171: kill -9 of the process that mints: another takes over within the lease, and one alone."""
    sandbox = open_sandbox(token_latency=3.0)  # time enough to kill it in
    waiting = fleet(sandbox, 8, shared)
    holder = fleet(sandbox, 1, shared)
    worker = holder.worker()
    holder.go()
    while not sandbox.counters["token_requests"]:
        time.sleep(0.01)
    waiting.go()
    killed = time.time()
    os.kill(worker, signal.SIGKILL)
    sandbox.switches.token_latency = 0.5
    said = waiting.gather()

    assert [1] * 8 == [each["calls"] for each in said]
    assert 2 == sandbox.counters["token_requests"]
    assert sandbox.counters.times()[1] - killed < 2 * LEASE_SECONDS


def test_fault_150_a_holder_that_stands_still_is_succeeded(open_sandbox, fleet, shared):
    """150: SIGSTOP of the process that mints stops nobody; woken, it overwrites nothing."""
    sandbox = open_sandbox(token_latency=3.0)  # time enough to stop it in
    holder, waiting = fleet(sandbox, 1, shared, seconds=0.0), fleet(sandbox, 8, shared)
    stopped = holder.worker()
    holder.go()
    while not sandbox.counters["token_requests"]:
        time.sleep(0.01)
    os.kill(stopped, signal.SIGSTOP)
    sandbox.switches.token_latency = 0.5
    try:
        said = waiting.run()
    finally:
        os.kill(stopped, signal.SIGCONT)
    woken = holder.gather()
    again = fleet(sandbox, 8, shared).run()

    assert [1] * 17 == [each["calls"] for each in (*said, *woken, *again)]
    assert 2 == sandbox.counters["token_requests"]


def test_one_429_quiets_the_fleet(open_sandbox, fleet, shared):
    """Eight processes, one 429 with Retry-After 2: the others hear of it from the cache."""
    sandbox = open_sandbox()
    workers = fleet(sandbox, 8, shared, seconds=1.5, interval=0.05)
    sandbox.switches.refuse(2.0, retry_after=2)
    begun = time.time()
    said = workers.run()
    early = [each for each in sandbox.counters.times() if each < begun + 2.0]

    assert len(early) <= 2
    assert 8 == len(said)
    assert 1 <= sum(each["calls"] for each in said)


def test_a_token_that_was_revoked_costs_each_host_one_401(open_sandbox, connect, redis):
    """A revoked token is discarded from the cache; each holder meets one 401 and reads the successor."""
    from credicorp_auth_urllib3 import BearerPoolManager

    sandbox = open_sandbox()
    settings = {"cache": "redis", "cache_options": {"url": redis.url}, "cache_timeout": PATIENCE}
    hosts = [BearerPoolManager(connect(sandbox, **settings)) for _ in range(4)]
    url = f"{sandbox.base_url}/decisions/dec_1"
    assert [200] * 4 == [each.request("GET", url).status for each in hosts]
    sandbox.tokens.revoke(None)
    before = sandbox.counters.as_dict()

    assert [200] * 4 == [each.request("GET", url).status for each in hosts]
    assert 2 == sandbox.counters["token_requests"]
    assert 4 == sandbox.counters["api_401"] - before.get("api_401", 0)


def test_fault_365_a_route_that_refuses_every_token_costs_a_fleet_few_mints(
    open_sandbox, start_program, redis
):
    """365: eight processes, ten simulated minutes: fewer than 30 mints between them."""
    sandbox = open_sandbox(api_rate=100_000.0, api_burst=100_000)
    sandbox.switches.refused_paths = ("/partner/v1/decisions/dec_0",)
    as_dict = {
        "settings": {
            "scope": "decisions:read",
            "cache": "redis",
            "cache_options": {"url": redis.url},
            "cache_timeout": PATIENCE,
        },
        "workers": 8,
        "paths": ["/decisions/dec_0", "/decisions/dec_1"],
        "seconds": 600,
        "step": 2.5,
    }
    with start_program("refused_route.py", sandbox, json.dumps(as_dict)) as program:
        said, complaints = program.communicate(timeout=110)

    assert "" == complaints
    assert [{"401 200": 240}] * 8 == json.loads(said)
    # 9 to 13 were seen: one for each pause, a few more if two processes were at it at once.
    assert 8 <= sandbox.counters["mints"] < 30
