"""An exception of a signal handler, at any moment, never mixes up two responses: fault 161."""

from __future__ import annotations

import random
import signal
import sys
import threading
from contextlib import contextmanager, suppress

import pytest
from attrs import define

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_testing.wire import WireServer

pytestmark = pytest.mark.slow

ROUNDS = 100
KEY = "a1" * 32


class Interrupt(BaseException):
    """As a KeyboardInterrupt."""


@define
class Sentinel:
    """A sentinel that knows one master."""

    port: int

    def play(self, connection):
        start = 0
        while connection.take():
            asked, start = connection.received[start:], len(connection.received)
            master = f"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n{self.port}\r\n"
            connection.socket.sendall(b"+OK\r\n" if b"SETINFO" in asked else master.encode())


@pytest.fixture
def slow(servers):
    """Start Redis behind a proxy: each response comes when its command may have been given up."""

    def single(proxy):
        return {"url": proxy.url}

    def sentinel(proxy):
        knows = servers.stack.enter_context(WireServer([Sentinel(proxy.port)]))
        return {"url": "redis://", "sentinel": f"mymaster@127.0.0.1:{knows.port}"}

    def cluster(proxy):
        client.config_set("cluster-announce-port", proxy.port)
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        servers.wait_until(lambda: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        return {"url": proxy.url, "cluster": True}

    def start(kind):
        nonlocal client
        server = servers.start(*["cluster-enabled yes"] * (kind == "cluster"))
        client, proxy = servers.client(server), servers.proxy(server)
        options = {"single": single, "sentinel": sentinel, "cluster": cluster}[kind](proxy)
        proxy.delay = 0.002
        return servers.cache(**options), client

    client = None
    return start


@contextmanager
def interrupts(longest):
    """Let a signal interrupt the block once, at a random moment."""
    goes_on = threading.Event()
    main = threading.main_thread().ident

    def interrupt():
        if not goes_on.wait(random.uniform(0, longest)):
            signal.pthread_kill(main, signal.SIGUSR1)

    def handle(*_):
        raise Interrupt

    before = signal.signal(signal.SIGUSR1, handle)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        yield
    finally:
        goes_on.set()
        signal.signal(signal.SIGUSR1, lambda *_: None)
        thread.join()
        signal.signal(signal.SIGUSR1, before)


# A socket that is interrupted while it is made or closed is left to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["single", "sentinel", "cluster"])
def test_fault_161_an_interrupt_mixes_up_nothing(slow, kind):
    """What is read and leased afterwards belongs to its key; hardly ever is a call lost."""
    cache, client = slow(kind)
    keys = [f"{number:02x}" * 32 for number in range(10)]
    for key in keys:
        cache.write(key, key.encode(), lifetime=100, timeout=5)
    interrupted, lost, wrong = 0, 0, []
    for turn in range(ROUNDS):
        try:
            with interrupts(0.01):
                for number in range(50):
                    cache.read(keys[0], timeout=5)
                    cache.lease(f"{turn:04x}{number:02x}", seconds=30, timeout=5)
        except Interrupt:
            interrupted += 1
        name = f"{turn:04x}ff"
        try:
            if cache.read(keys[1], timeout=5) != keys[1].encode():
                wrong.append(keys[1])
            leased = cache.lease(name, seconds=30, timeout=5)
        except CacheUnavailable:
            lost += 1
            continue
        given = client.get(f"credicorp_auth:{{{name}}}:number") or b"none"
        if leased.state is LeaseState.FAILED:
            lost += 1
        elif (leased.state, leased.number) != (LeaseState.ACQUIRED, int(given)):
            wrong.append((name, leased.number, given))

    assert ([], True, True) == (wrong, interrupted > ROUNDS / 2, lost < interrupted / 10)


GREETING = {"connect", "connect_check_health", "on_connect", "on_connect_check_health"}


@contextmanager
def interrupt_at(count):
    """Raise before that line of a greeting is run, counted from the first; no lock is held there."""
    ran = [0]

    def trace(frame, event, _argument):
        if event == "call":
            return trace if frame.f_code.co_name in GREETING else None
        ran[0] += event == "line"
        if ran[0] == count:
            raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        yield ran
    finally:
        sys.settrace(None)


def read_interrupted(cache, count, ran):
    """Read, with an interrupt at that line of the greeting; add to `ran` how many lines ran."""
    with suppress(Interrupt), interrupt_at(count) as lines:
        cache.read(KEY, timeout=5)
    ran.extend(lines)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_fault_161_a_connection_whose_greeting_was_interrupted_is_not_used(servers):
    """At any line: the next call neither reads another database nor fails."""
    server, count, ran = servers.start(), 0, [0]  # the numbers of lines that ran
    servers.cache(url=f"{server.url}/3").write(KEY, b"of database 3", lifetime=300, timeout=5)
    while ran[-1] >= count:
        count += 1
        cache = servers.cache(url=f"{server.url}/3")
        # On a thread of its own: an exception of a tracer may leave one that was being handled behind.
        thread = threading.Thread(target=read_interrupted, args=(cache, count, ran))
        thread.start()
        thread.join()

        assert b"of database 3" == cache.read(KEY, timeout=5)
        cache.close()
    assert count > 20
