"""Redis is down, silent, slow, or says no: faults 157 to 162, and what an answer may never be."""

from __future__ import annotations

import re
import threading
import time
from functools import partial

import pytest
from attrs import define

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_testing.wire import Hold, Reset, Send, WireServer
from redis_server import free_port

pytestmark = pytest.mark.slow

KEY, OTHER = "a1" * 32, "b2" * 32
SHORT = 0.25  # seconds


def failure_of(call):
    """Return the error that a call raises."""
    with pytest.raises(CacheUnavailable) as caught:
        call()
    return caught.value


def every_call(cache, timeout=5):
    """Return what each method says while Redis is of no use."""
    calls = (
        partial(cache.read, KEY),
        partial(cache.write, KEY, b"x", lifetime=10),
        partial(cache.discard, KEY),
        partial(cache.discard, KEY, expected=b"x"),
        cache.entries,
        cache.clear,
    )
    codes = [failure_of(partial(call, timeout=timeout)).code for call in calls]
    return [*codes, cache.lease(KEY, seconds=3, timeout=timeout).state]


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
    """While a server is frozen each call takes its own time, and no more; then all is as before."""
    server = servers.start()
    cache = servers.cache(server)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    server.freeze()
    long = seconds_of(lambda: failure_of(lambda: cache.read(KEY, timeout=1.0)))
    short = seconds_of(lambda: failure_of(lambda: cache.read(KEY, timeout=0.05)))

    assert [*["cache.timeout"] * 6, LeaseState.FAILED] == every_call(cache, timeout=0.05)
    server.thaw()
    assert b"x" == cache.read(KEY, timeout=5)
    assert long > 0.9 > short > 0.04


def test_fault_158_a_new_connection_to_a_silent_server(servers):
    """Connecting is part of a call's time; the next call connects again."""
    with WireServer([Hold()]) as silent:
        cache = servers.cache(url=f"redis://127.0.0.1:{silent.port}")

        for _ in range(2):
            assert "cache.timeout" == failure_of(lambda: cache.read(KEY, timeout=0.1)).code
        servers.wait_until(lambda: len(silent.connections) == 2)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_without_time_nothing_is_waited_for(servers, timeout):
    """A call that has no time left fails as one that took too long, and harms no later call."""
    cache = servers.cache(servers.start())

    assert [*["cache.timeout"] * 6, LeaseState.FAILED] == every_call(cache, timeout=timeout)
    assert cache.read(KEY, timeout=5) is None


def test_fault_159_a_slow_server_is_told_and_used_again(servers):
    """Responses later than a call's time are failures; those within it are used."""
    proxy = servers.proxy(servers.start())
    cache = servers.cache(proxy)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    proxy.delay = 0.4
    code = failure_of(lambda: cache.read(KEY, timeout=SHORT)).code

    assert ("cache.timeout", b"x") == (code, cache.read(KEY, timeout=60))


def test_redis_that_is_back_is_used_again(servers):
    """Nothing of the outage stays."""
    server = servers.start()
    cache = servers.cache(server)
    cache.write(KEY, b"x", lifetime=100, timeout=5)
    server.kill()
    failure_of(lambda: cache.read(KEY, timeout=5))
    server.start()

    assert cache.read(KEY, timeout=5) is None
    cache.write(KEY, b"y", lifetime=100, timeout=5)
    assert b"y" == cache.read(KEY, timeout=5)


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

    assert "cache.unavailable" == code
    assert cache.read(KEY, timeout=5) in {None, b"x"}


def test_fault_161_a_late_answer_is_never_another_keys(servers):
    """After a command that was given up, its answer reaches nobody (CVE-2023-28858)."""
    proxy = servers.proxy(servers.start())
    cache = servers.cache(proxy)
    cache.write(KEY, b"of the first key", lifetime=100, timeout=5)
    cache.write(OTHER, b"of the other", lifetime=100, timeout=5)
    for _ in range(2):
        proxy.delay = 1.0
        failure_of(lambda: cache.read(KEY, timeout=0.5))
        proxy.delay = 0.0

        assert [b"of the other", b"of the first key"] * 5 == [
            cache.read(key, timeout=5) for _ in range(5) for key in (OTHER, KEY)
        ]


@define
class Reply:
    """
    Answer the next command with these bytes; redis-py's own greetings with OK.

    `NONCE` in them stands for the nonce of the script that is run.
    """

    data: bytes

    def play(self, connection):
        start = len(connection.received)
        while connection.take():
            asked = connection.received[start:]
            if b"SETINFO" not in asked:
                (nonce,) = re.findall(rb"\r\n([0-9a-f]{16})\r\n", asked) or [b""]
                connection.socket.sendall(self.data.replace(b"NONCE", nonce))
                return
            connection.socket.sendall(b"+OK\r\n")
            start = len(connection.received)


def result(data):
    """Return the response to a script that has this result."""
    return b"*2\r\n$16\r\nNONCE\r\n" + data


NOTHING = result(b"$-1\r\n")


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
    "ERR The user executing the script can't run this command or subcommand": "cache.denied",
    "ERR ACL failure in script: User u has no permissions to run it": "cache.denied",
    "ERR Error running script (call to f_1): @user_script:9: -NOPERM this user": "cache.denied",
    "ERR unknown command 'GETRANGE'": "cache.refused",
    "CROSSSLOT Keys in request don't hash to the same slot": "cache.refused",
    "canary in lower case": "cache.refused",
}


@pytest.mark.parametrize(
    ("response", "code"),
    [pytest.param(*case, id=f"162-{case[0].split()[0]}-{case[1]}") for case in LASTING.items()],
)
def test_after_a_state_that_lasts_a_new_connection_is_used(scripted, response, code):
    """Fault 162: it may lead to another server; the text of the response is not shown."""
    cache, server = scripted(f"-{response}\r\n".encode())
    first, second = (failure_of(lambda: cache.read(KEY, timeout=5)) for _ in range(2))

    assert (code, code) == (first.code, second.code)
    assert 2 == len(server.connections)
    assert response.split(" ", 1)[1] not in f"{first}{second}"


@pytest.mark.parametrize(
    ("response", "code"),
    [pytest.param(*case, id=f"162-{case[0].split()[0]}-{case[1]}") for case in PASSING.items()],
)
def test_a_no_to_one_command_is_no_more(scripted, response, code):
    """Fault 162: what concerns one command leaves the next alone, on the same connection."""
    cache, server = scripted(f"-{response}\r\n".encode(), NOTHING)

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
    cache, _ = scripted(response)

    assert failure_of(lambda: cache.read(KEY, timeout=0.5)).code in {
        "cache.unavailable",
        "cache.timeout",
    }


def test_a_list_that_is_denied_is_told(scripted):
    """A name was found, and what it holds may not be seen."""
    cache, _ = scripted(b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n", b"-NOPERM no\r\n")

    assert "cache.denied" == failure_of(partial(cache.entries, timeout=5)).code


@pytest.mark.parametrize("data", [b":7\r\n", b"*1\r\n$1\r\nx\r\n", b"+OK\r\n", b"*-1\r\n"])
def test_an_answer_of_another_kind_is_a_miss(scripted, data):
    """What is no text of a record is no entry."""
    cache, _ = scripted(result(data))

    assert cache.read(KEY, timeout=5) is None


@pytest.mark.parametrize("data", [b"+OK\r\n", b":-3\r\n", b"$-1\r\n"])
def test_an_answer_of_another_kind_is_no_lease(scripted, data):
    """A number that is none makes no lease."""
    cache, _ = scripted(result(data))

    assert LeaseState.FAILED is cache.lease(KEY, seconds=3, timeout=5).state


MIXED_UP = [
    b"$-1\r\n",
    b":1795849241391213\r\n",
    b"*1\r\n:1\r\n",
    b"*0\r\n",
    b"*2\r\n$16\r\n0123456789abcdef\r\n:1795849241391213\r\n",
    b"*2\r\n$-1\r\n:1\r\n",
]


@pytest.mark.parametrize("response", [pytest.param(each, id=f"161-{each!r}") for each in MIXED_UP])
def test_the_answer_to_another_command_is_not_believed(scripted, response):
    """Fault 161: without the nonce of this very call it is no entry, no number, no yes."""
    cache, server = scripted(response)
    failure = failure_of(lambda: cache.read(KEY, timeout=5))

    assert "cache.unavailable" == failure.code
    assert LeaseState.FAILED is cache.lease(KEY, seconds=3, timeout=5).state
    for call in (
        partial(cache.write, KEY, b"x", lifetime=10),
        partial(cache.discard, KEY),
        partial(cache.discard, KEY, expected=b"x"),
    ):
        assert "cache.unavailable" == failure_of(partial(call, timeout=5)).code
    assert 5 == len(server.connections)  # none is used again


def test_an_answer_nobody_asked_for_ends_the_connection(scripted):
    """Two answers to one command: the second is taken for nothing."""
    cache, server = scripted(NOTHING + b"$4\r\nabcd\r\n", NOTHING)

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
    """A replica that is written to is told; when it is the master, it is used."""
    master = servers.start()
    replica = servers.start(f"replicaof 127.0.0.1 {master.port}")
    client, cache = servers.client(replica), servers.cache(replica)
    servers.wait_until(lambda: client.info("replication")["master_link_status"] == "up")

    assert (
        "cache.readonly" == failure_of(lambda: cache.write(KEY, b"x", lifetime=100, timeout=5)).code
    )
    assert cache.read(KEY, timeout=5) is None
    client.replicaof("NO", "ONE")
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


# redis-py 5.0 leaves the socket of a connection that failed to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_socket_file(servers):
    """A server on the same machine can be used over its socket file."""
    server = servers.start("port 0")
    cache = servers.cache(url=f"unix://{server.socket_file}?db=2")
    cache.write(KEY, b"x", lifetime=100, timeout=5)

    assert b"x" == cache.read(KEY, timeout=5)
    server.kill()
    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5)).code


def test_a_database_that_is_none(servers):
    """What the server refuses while greeting is told each time."""
    server = servers.start("databases 1")
    cache = servers.cache(url=f"{server.url}/5")

    assert ["cache.refused"] * 2 == [
        failure_of(lambda: cache.read(KEY, timeout=5)).code for _ in range(2)
    ]


def test_a_name_that_nobody_has(servers):
    """A host without an address is as good as none."""
    cache = servers.cache(url="redis://nowhere.invalid", plaintext=True)

    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=60)).code


def test_threads_share_connections(servers):
    """Ten threads at once are all served right; no more connections are opened than are in use."""
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
    assert client.info("clients")["connected_clients"] <= 10 + 1


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
