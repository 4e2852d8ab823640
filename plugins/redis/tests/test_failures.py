"""Redis is down, silent, slow, or says no: faults 157 to 162, and what an answer may never be."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from attrs import define

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_redis.address import Address
from credicorp_auth_redis.connection import Connector, OpenConnection
from credicorp_auth_redis.pool import Pool
from credicorp_auth_testing.wire import Drip, Hold, Reset, Send, WireServer
from redis_server import free_port

pytestmark = pytest.mark.slow

KEY, OTHER = "a1" * 32, "b2" * 32
BUDGET = 0.25


def failure_of(call):
    """Return the error that a call raises."""
    with pytest.raises(CacheUnavailable) as caught:
        call()
    return caught.value


def every_call(cache):
    """Return what each method says while Redis is of no use."""
    return [
        failure_of(lambda: cache.read(KEY, timeout=5)).code,
        failure_of(lambda: cache.write(KEY, b"x", lifetime=10, timeout=5)).code,
        failure_of(lambda: cache.discard(KEY, timeout=5)).code,
        failure_of(lambda: cache.discard(KEY, expected=b"x", timeout=5)).code,
        failure_of(partial(cache.entries, timeout=5)).code,
        failure_of(partial(cache.clear, timeout=5)).code,
        cache.lease(KEY, seconds=3, timeout=5).state,
    ]


def seconds_of(call):
    """Return how long a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


def test_fault_157_down_at_start(servers):
    """Where nobody listens every call fails at once, and each says why."""
    cache = servers.cache(url=f"redis://127.0.0.1:{free_port()}")

    assert [*["cache.unavailable"] * 6, LeaseState.FAILED] == every_call(cache)
    assert failure_of(lambda: cache.read(KEY, timeout=5)).retryable


def test_fault_158_accepts_and_never_answers(servers):
    """A frozen server costs one budget; from then on nobody waits at all."""
    server = servers.start()
    cache = servers.cache(server, budget=BUDGET)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    server.freeze()
    first = seconds_of(lambda: failure_of(lambda: cache.read(KEY, timeout=5)))
    rest = sorted(
        seconds_of(lambda: failure_of(lambda: cache.read(KEY, timeout=5))) for _ in range(1000)
    )

    assert BUDGET * 0.9 < first
    assert rest[500] < first / 50  # in truth, a ten-thousandth
    assert [*["cache.timeout"] * 6, LeaseState.FAILED] == every_call(cache)
    server.thaw()


def test_fault_158_a_new_connection_to_a_silent_server(servers):
    """Connecting, too, is part of the budget."""
    with WireServer([Hold()]) as silent:
        cache = servers.cache(url=f"redis://127.0.0.1:{silent.port}", budget=0.1)
        cache._breaker.close()  # so that nothing else asks

        assert "cache.timeout" == failure_of(lambda: cache.read(KEY, timeout=5)).code
        assert "cache.timeout" == failure_of(lambda: cache.read(KEY, timeout=5)).code
        servers.wait_until(lambda: silent.connections)
        assert 1 == len(silent.connections)


def test_fault_158_a_server_that_drips(servers):
    """An answer of one byte now and then does not last longer than the budget."""
    with WireServer([Drip(b"+OK\r\n" * 1000, every=0.02)]) as dripping:
        cache = servers.cache(url=f"redis://127.0.0.1:{dripping.port}", budget=BUDGET)

        assert "cache.timeout" == failure_of(lambda: cache.read(KEY, timeout=5)).code
        assert dripping.connections[0].sent < 1000  # of five thousand; on an idle machine, a dozen


def test_fault_159_a_slow_server_is_asked_once(servers):
    """400 ms for each command: of 1,000 calls one waits, and the server sees no more."""
    proxy = servers.proxy(servers.start())
    cache = servers.cache(proxy, budget=BUDGET)
    proxy.delay = 0.4
    codes = {failure_of(lambda: cache.read(KEY, timeout=5)).code for _ in range(1000)}

    assert {"cache.timeout"} == codes
    assert proxy.seen.count(b"GETRANGE") <= 1


def test_fault_159_many_slow_commands_share_one_budget(servers):
    """Each alone would be in time; together they are too slow, and the breaker opens."""
    proxy = servers.proxy(servers.start())
    cache = servers.cache(proxy, budget=2.0)
    cache.read(KEY, timeout=5)
    proxy.delay, answered = 0.5, 0
    while True:
        try:
            cache.read(KEY, timeout=5)
        except CacheUnavailable as error:
            assert "cache.timeout" == error.code
            break
        answered += 1

    assert 1 <= answered <= 8


def test_the_breaker_closes_by_itself(servers):
    """Once Redis is back it is used again: nobody had to call for it."""
    server = servers.start()
    cache = servers.cache(server)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    server.kill()
    failure_of(lambda: cache.read(KEY, timeout=5))
    server.start()
    servers.wait_until(lambda: cache._breaker._cause is None)
    servers.wait_until(lambda: not cache._breaker._is_probing)

    assert cache.read(KEY, timeout=5) is None
    cache.write(KEY, b"y", lifetime=100, timeout=5)
    assert b"y" == cache.read(KEY, timeout=5)


def test_one_thread_tries_however_many_call(servers):
    """A thousand calls start one thread between them."""
    cache = servers.cache(url=f"redis://127.0.0.1:{free_port()}")
    for _ in range(1000):
        failure_of(lambda: cache.read(KEY, timeout=5))
    probes = [each for each in threading.enumerate() if each.name == "credicorp-redis-probe"]

    assert 1 == len(probes)
    assert probes[0].daemon
    cache.close()
    probes[0].join(10)
    assert not probes[0].is_alive()


@pytest.mark.parametrize("cut_after", range(0, 140, 7))
def test_fault_160_redis_dies_in_the_middle(servers_of_module, cut_after):
    """Wherever an answer is cut, it is a whole entry or none, and its connection is not used again."""
    servers, proxy = servers_of_module
    writer = servers.cache(proxy)
    writer.write(KEY, b"x" * 40, lifetime=100, timeout=5)
    cache = servers.cache(proxy)
    cache.read(OTHER, timeout=5)
    before, proxy.cut_after = proxy.connections, cut_after
    try:
        found = cache.read(KEY, timeout=5)
    except CacheUnavailable as error:
        assert "cache.unavailable" == error.code
        found = None
    proxy.cut_after = None
    servers.wait_until(lambda: cache._breaker._cause is None)

    assert found in {None, b"x" * 40}
    assert cache.read(OTHER, timeout=5) is None
    assert b"x" * 40 == cache.read(KEY, timeout=5)
    assert (found is None) == (proxy.connections > before)


@pytest.fixture(scope="module")
def servers_of_module(make_servers):
    servers = make_servers
    return servers, servers.proxy(servers.start())


def test_fault_160_redis_dies_in_mid_write(servers):
    """A write whose answer is lost is told; whether it was kept is seen by reading."""
    proxy = servers.proxy(servers.start())
    cache = servers.cache(proxy)
    cache.read(KEY, timeout=5)
    proxy.cut_after = 0
    code = failure_of(lambda: cache.write(KEY, b"x", lifetime=100, timeout=5)).code
    proxy.cut_after = None
    servers.wait_until(lambda: cache._breaker._cause is None)

    assert "cache.unavailable" == code
    assert cache.read(KEY, timeout=5) in {None, b"x"}


def test_fault_161_a_late_answer_is_never_another_keys(servers):
    """After a command that was given up, its answer reaches nobody (CVE-2023-28858)."""
    proxy = servers.proxy(servers.start())
    cache = servers.cache(proxy, budget=0.5)
    cache.write(KEY, b"of the first key", lifetime=100, timeout=5)
    cache.write(OTHER, b"of the other", lifetime=100, timeout=5)
    for _ in range(2):
        proxy.delay = 1.0
        failure_of(lambda: cache.read(KEY, timeout=5))
        proxy.delay = 0.0
        servers.wait_until(lambda: cache._breaker._cause is None)

        assert [b"of the other", b"of the first key"] * 5 == [
            cache.read(key, timeout=5) for _ in range(5) for key in (OTHER, KEY)
        ]


class Interrupt(BaseException):
    """As a KeyboardInterrupt between two steps."""


class Interrupted:
    """A connection in which something interrupts the thread, once, at one of its steps."""

    def __init__(self, connection, step):
        self.connection = connection
        self.step = step
        self._sock = connection._sock

    def send_command(self, *words):
        self.interrupt("before")
        self.connection.send_command(*words)
        self.interrupt("between")

    def read_response(self):
        response = self.connection.read_response()
        self.interrupt("after")
        return response

    def interrupt(self, step):
        if self.step == step:
            self.step = ""
            raise Interrupt

    def can_read(self, timeout):
        return self.connection.can_read(timeout)

    def disconnect(self):
        self.connection.disconnect()


@pytest.mark.parametrize("step", ["before", "between", "after"])
def test_fault_161_an_interrupt_at_any_step_ends_the_connection(servers, within, step):
    """A connection is used again only after a whole answer to its only command."""
    server = servers.start()
    connector = Connector(None, may_be_plain=False)
    opened = []

    def connect(address):
        opened.append(Interrupted(connector.open(address)._connection, step if not opened else ""))
        return OpenConnection(opened[-1])

    pool, address = Pool(connect), Address("127.0.0.1", server.port)
    with within(5):
        with pytest.raises(Interrupt):
            pool.ask(address, ("ECHO", "first"))

        assert b"second" == pool.ask(address, ("ECHO", "second"))
        assert b"third" == pool.ask(address, ("ECHO", "third"))
    assert 2 == len(opened)
    assert opened[0].connection._sock is None
    pool.close()


def test_a_connection_that_waited_long_is_not_used(servers, within):
    """After half a minute a firewall may have forgotten it, without a word to either end."""
    server, now, connector = servers.start(), [0.0], Connector(None, may_be_plain=False)
    pool, client = Pool(connector.open, clock=lambda: now[0]), servers.client(server)
    address, before = Address("127.0.0.1", server.port), client.info("stats")
    with within(5):
        for now[0] in (0.0, 29.0, 58.0, 88.0, 117.0):
            assert b"x" == pool.ask(address, ("ECHO", "x"))
    after = client.info("stats")
    pool.close()

    counted = "total_connections_received"
    assert 2 == after[counted] - before[counted]


@define
class Reply:
    """Answer the next command with these bytes; redis-py's own greetings with OK."""

    data: bytes

    def play(self, connection):
        start = len(connection.received)
        while connection.take():
            if b"SETINFO" not in connection.received[start:]:
                connection.socket.sendall(self.data)
                return
            connection.socket.sendall(b"+OK\r\n")
            start = len(connection.received)


@pytest.fixture
def scripted(servers):
    """Let a cache meet a server that answers as told, each connection alike."""

    def start(*responses, **options):
        server = servers.stack.enter_context(WireServer([*map(Reply, responses), Hold()]))
        return servers.cache(url=f"redis://127.0.0.1:{server.port}", **options), server

    return start


LASTING = {
    "READONLY You can't write against a read only replica.": "cache.readonly",
    "NOREPLICAS Not enough good replicas to write.": "cache.readonly",
    "MISCONF Redis is configured to save RDB snapshots": "cache.readonly",
    "LOADING Redis is loading the dataset in memory": "cache.unavailable",
    "MASTERDOWN Link with MASTER is down": "cache.unavailable",
    "CLUSTERDOWN The cluster is down": "cache.unavailable",
    "TRYAGAIN Multiple keys request during rehashing of slot": "cache.unavailable",
    "BUSY Redis is busy running a script.": "cache.unavailable",
    "MOVED 3999 127.0.0.1:6381": "cache.unavailable",
    "ASK 3999 127.0.0.1:6381": "cache.unavailable",
    "ERR max number of clients reached": "cache.unavailable",
    "NOAUTH Authentication required.": "cache.denied",
    "WRONGPASS invalid username-password pair": "cache.denied",
    "ERR invalid password": "cache.denied",
    "ERR Error running script (call to f_1): @user_script:9: -READONLY You can't": "cache.readonly",
}
PASSING = {
    "OOM command not allowed when used memory > 'maxmemory'.": "cache.full",
    "ERR Error running script (call to f_1): @user_script:9: -OOM command": "cache.full",
    "NOPERM this user has no permissions to run the 'getrange' command": "cache.denied",
    "ERR unknown command 'GETRANGE'": "cache.refused",
    "CROSSSLOT Keys in request don't hash to the same slot": "cache.refused",
    "canary in lower case": "cache.refused",
}


@pytest.mark.parametrize(
    ("response", "code"),
    [pytest.param(*case, id=f"162-{case[0].split()[0]}-{case[1]}") for case in LASTING.items()],
)
def test_a_state_that_lasts_is_met_once(scripted, response, code):
    """Fault 162: after an answer that the next command would get too, none is asked."""
    cache, server = scripted(f"-{response}\r\n".encode(), b"-ERR never met\r\n")
    first, second = (failure_of(lambda: cache.read(KEY, timeout=5)) for _ in range(2))

    assert (code, code) == (first.code, second.code)
    assert 1 == sum(each.received.count(b"GETRANGE") for each in server.connections)
    assert response.split(" ", 1)[1] not in f"{first}{second}"


@pytest.mark.parametrize(
    ("response", "code"),
    [pytest.param(*case, id=f"162-{case[0].split()[0]}-{case[1]}") for case in PASSING.items()],
)
def test_a_no_to_one_command_is_no_more(scripted, response, code):
    """Fault 162: what concerns one command leaves the next alone, on the same connection."""
    cache, server = scripted(f"-{response}\r\n".encode(), b"$-1\r\n")

    assert code == failure_of(lambda: cache.read(KEY, timeout=5)).code
    assert cache.read(KEY, timeout=5) is None
    assert 1 == len(server.connections)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="http"),
        pytest.param(b"*1\r\n" * 5000, id="nested"),
        pytest.param(b"$many\r\n", id="length"),
        pytest.param(b":\xff\xfe\r\n", id="number"),
    ],
)
def test_what_is_not_redis_is_of_no_use(scripted, response):
    """If what comes back is no response, the caller sees an error of ours."""
    cache, _ = scripted(response, budget=0.5)

    assert failure_of(lambda: cache.read(KEY, timeout=5)).code in {
        "cache.unavailable",
        "cache.timeout",
    }


def test_a_list_that_is_denied_is_told(scripted):
    """A name was found, and what it holds may not be seen."""
    cache, _ = scripted(b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n", b"-NOPERM no\r\n")

    assert "cache.denied" == failure_of(partial(cache.entries, timeout=5)).code


@pytest.mark.parametrize("response", [b":7\r\n", b"*1\r\n$1\r\nx\r\n", b"+OK\r\n", b"*-1\r\n"])
def test_an_answer_of_another_kind_is_a_miss(scripted, response):
    """What is no text of a record is no entry."""
    cache, _ = scripted(response)

    assert cache.read(KEY, timeout=5) is None


@pytest.mark.parametrize("response", [b"+OK\r\n", b":-3\r\n", b"$-1\r\n"])
def test_an_answer_of_another_kind_is_no_lease(scripted, response):
    """A number that is none makes no lease."""
    cache, _ = scripted(response)

    assert LeaseState.FAILED is cache.lease(KEY, seconds=3, timeout=5).state


def test_an_answer_nobody_asked_for_ends_the_connection(scripted):
    """Two answers to one command: the second is taken for nothing."""
    stray = b"$4\r\nabcd\r\n"
    cache, server = scripted(b"$-1\r\n" + stray, b"$-1\r\n")

    assert [None, None] == [cache.read(KEY, timeout=5) for _ in range(2)]
    assert 2 == len(server.connections)


def test_a_connection_the_server_has_closed_is_not_used(servers):
    """One that was closed while it waited is noticed before, not by, the next command."""
    server = servers.start()
    cache, client = servers.cache(server), servers.client(server)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    client.client_kill_filter(skipme=True, _type="normal")

    assert b"x" == cache.read(KEY, timeout=5)


def test_a_reset_is_told(servers):
    """A connection that is broken off is as good as none."""
    with WireServer([Send(b""), Reset()]) as server:
        cache = servers.cache(url=f"redis://127.0.0.1:{server.port}")

        assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5)).code


def test_fault_162_a_replica_takes_no_writes(servers):
    """A replica, which would answer reads, is of no use; when it is the master, it is used."""
    master = servers.start()
    replica = servers.start(f"replicaof 127.0.0.1 {master.port}")
    client, cache = servers.client(replica), servers.cache(replica)
    servers.wait_until(lambda: client.info("replication")["master_link_status"] == "up")

    assert (
        "cache.readonly" == failure_of(lambda: cache.write(KEY, b"x", lifetime=100, timeout=5)).code
    )
    assert "cache.readonly" == failure_of(lambda: cache.read(KEY, timeout=5)).code
    client.replicaof("NO", "ONE")
    servers.wait_until(lambda: cache._breaker._cause is None)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    assert b"x" == cache.read(KEY, timeout=5)


def test_fault_162_a_full_server_is_read(servers):
    """Where no memory is left writing is told as such, and reading goes on."""
    server = servers.start("maxmemory-policy noeviction")
    cache, client = servers.cache(server), servers.client(server)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    client.config_set("maxmemory", 1)

    assert (
        "cache.full" == failure_of(lambda: cache.write(OTHER, b"x", lifetime=100, timeout=5)).code
    )
    assert LeaseState.FAILED is cache.lease(KEY, seconds=3, timeout=5).state
    assert b"x" == cache.read(KEY, timeout=5)


PASSWORD = "s3cret-canary"


@pytest.mark.parametrize(
    ("user", "code"),
    [
        pytest.param("", "cache.denied", id="162-NOAUTH"),
        pytest.param("default:wrong@", "cache.denied", id="162-WRONGPASS"),
        pytest.param("nobody:wrong@", "cache.denied", id="162-no-such-user"),
    ],
)
def test_who_may_not_come_in(servers, user, code):
    """Fault 162: without the right password no entry is had, and none is asked for again."""
    server = servers.start(f"requirepass {PASSWORD}")
    cache = servers.cache(url=f"redis://{user}127.0.0.1:{server.port}")

    assert [code, code] == [failure_of(lambda: cache.read(KEY, timeout=5)).code for _ in range(2)]


def test_fault_162_a_user_who_may_not_do_all(servers):
    """What an access list forbids is told for the command it forbids; the rest works."""
    server = servers.start(f"user limited on >{PASSWORD} ~credicorp_auth:* +@all -del -script")
    cache = servers.cache(url=f"redis://limited:{PASSWORD}@127.0.0.1:{server.port}")
    cache.write(KEY, b"x", lifetime=100, timeout=5)

    assert "cache.denied" == failure_of(lambda: cache.discard(KEY, timeout=5)).code
    assert b"x" == cache.read(KEY, timeout=5)


def test_the_user_that_the_readme_describes(servers, readme):
    """The access list of the README is enough for everything."""
    (rule,) = [line for line in readme.splitlines() if line.startswith("user credicorp ")]
    server = servers.start(rule.replace(">PASSWORD", f">{PASSWORD}"), f"requirepass {PASSWORD}x")
    cache = servers.cache(url=f"redis://credicorp:{PASSWORD}@127.0.0.1:{server.port}")
    for _ in range(2):
        lease = cache.lease(KEY, seconds=3, timeout=5)
        cache.write(KEY, b"x", lifetime=100, number=lease.number, timeout=5)

        assert (b"x", True, 1) == (
            cache.read(KEY, timeout=5),
            lease.renew(timeout=5),
            len(cache.entries(timeout=5)),
        )
        lease.release(timeout=5)
        assert cache.discard(KEY, expected=b"x", timeout=5)
        assert (False, 0) == (cache.discard(KEY, timeout=5), cache.clear(timeout=5))
    assert cache._probe() is None


def test_a_socket_file(servers):
    """A server on the same machine can be used over its socket file."""
    server = servers.start("port 0")
    cache = servers.cache(url=f"unix://{server.socket_file}?db=2")
    cache.write(KEY, b"x", lifetime=100, timeout=5)

    assert b"x" == cache.read(KEY, timeout=5)
    server.kill()
    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5)).code


def test_a_database_that_is_none(servers):
    """What the server refuses while greeting is not asked again."""
    server = servers.start("databases 1")
    cache = servers.cache(url=f"{server.url}/5")

    assert ["cache.refused"] * 2 == [
        failure_of(lambda: cache.read(KEY, timeout=5)).code for _ in range(2)
    ]


def test_a_name_that_nobody_has(servers):
    """A host without an address is as good as none."""
    cache = servers.cache(url="redis://nowhere.invalid", plaintext=True, budget=20)

    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5)).code


def test_threads_share_connections(servers):
    """Ten threads at once are all served right; no more connections stay than are kept."""
    server = servers.start()
    cache, client, wrong = servers.cache(server), servers.client(server), []

    def work(name):
        for number in range(100):
            cache.write(name, f"{name}-{number}".encode(), lifetime=100, timeout=5)
            if cache.read(name, timeout=5) != f"{name}-{number}".encode():
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(f"{number:x}",)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == wrong
    servers.wait_until(lambda: client.info("clients")["connected_clients"] <= 4 + 1)


def test_closing_closes_all(servers):
    """After closing, the server sees none of its connections; one still in use is not kept."""
    server = servers.start()
    cache, client = servers.cache(server), servers.client(server)
    cache.read(KEY, timeout=5)
    before = client.info("clients")["connected_clients"]
    cache.close()
    cache.read(KEY, timeout=5)
    servers.wait_until(lambda: client.info("clients")["connected_clients"] == 1)

    assert 2 == before
