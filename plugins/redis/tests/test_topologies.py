"""Sentinels that name the master, and clusters whose nodes share the keys: fault 163."""

from __future__ import annotations

import pytest
from attrs import define
from redis.crc import key_slot

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import LeaseState
from credicorp_auth_testing.wire import Hold, WireServer
from redis_server import free_port

pytestmark = pytest.mark.slow

KEYS = [f"{number:02x}" * 32 for number in range(30)]
KEY = KEYS[0]
SLOT = key_slot(f"credicorp_auth:{{{KEY}}}".encode())


def failure_of(call):
    with pytest.raises(CacheUnavailable) as caught:
        call()
    return caught.value.code


def works(cache, key=KEY, *, timeout=5):
    """Say whether a cache keeps what is written, as far as it says so."""
    try:
        cache.write(key, b"works", lifetime=100, timeout=timeout)
        return cache.read(key, timeout=timeout) == b"works"
    except CacheUnavailable:
        return False


@pytest.fixture(scope="module")
def watched(make_servers):
    """Start a master, a replica, and sentinels: for all tests but the one that breaks them."""
    return make_servers.watched()


def test_fault_163_after_a_failover_the_new_master_is_used(servers):
    """The master dies with the lease: its successor is found, and numbers go on growing."""
    master, replica, _, sentinel = servers.watched()
    cache = servers.cache(url="redis://", sentinel=sentinel)
    other = servers.cache(url="redis://", sentinel=sentinel)
    before = cache.lease(KEY, seconds=60, timeout=5)
    cache.write(KEY, b"old", lifetime=100, number=before.number, timeout=5)
    servers.wait_until(lambda: servers.client(replica).dbsize() == 3)
    master.kill()

    assert failure_of(lambda: cache.read(KEY, timeout=5)) in {"cache.unavailable", "cache.readonly"}
    servers.wait_until(lambda: works(cache, KEYS[1]), seconds=60)
    # The lease may have been lost, and another minted: what the first brings late is dropped.
    servers.client(replica).delete(f"credicorp_auth:{{{KEY}}}:lease")
    servers.wait_until(lambda: works(other, KEYS[2]), seconds=60)
    after = other.lease(KEY, seconds=60, timeout=5)
    other.write(KEY, b"new", lifetime=100, number=after.number, timeout=5)
    cache.write(KEY, b"late", lifetime=100, number=before.number, timeout=5)

    assert after.number > before.number
    assert (b"new", False) == (cache.read(KEY, timeout=5), before.renew(timeout=5))
    assert 1 == cache.clear(timeout=5) - 2


def test_a_sentinel_that_is_silent_or_gone_is_passed_over(servers, watched):
    """One that answers is enough, wherever it stands in the list."""
    _, _, sentinels, _ = watched
    with WireServer([Hold()]) as silent:
        ports = (silent.port, free_port(), sentinels[2].port)
        where = ",".join(f"127.0.0.1:{port}" for port in ports)
        cache = servers.cache(url="redis://", sentinel=f"mymaster@{where}")

        assert works(cache)
        assert [KEY] == [each.key for each in cache.entries(timeout=5)]
        assert 1 == cache.clear(timeout=5)


def test_sentinels_that_know_no_such_master(servers, watched):
    """A name that nobody watches is told as Redis that cannot be reached."""
    _, _, sentinels, _ = watched
    cache = servers.cache(url="redis://", sentinel=f"others@127.0.0.1:{sentinels[0].port}")

    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5))


def test_all_sentinels_silent_share_the_time(servers):
    """Several that say nothing cost a call its time, together."""
    with WireServer([Hold()]) as silent:
        where = ",".join([f"127.0.0.1:{silent.port}"] * 3)
        cache = servers.cache(url="redis://", sentinel=f"m@{where}")

        assert "cache.timeout" == failure_of(lambda: cache.read(KEY, timeout=0.5))
        servers.wait_until(lambda: len(silent.connections) == 3)


@pytest.mark.parametrize(
    ("rule", "identity"),
    [
        ("requirepass sesame", {"sentinel_password": "sesame"}),
        (
            "user us on >sesame allchannels -@all +auth +sentinel|get-master-addr-by-name",
            {"sentinel_username": "us", "sentinel_password": "sesame"},
        ),
    ],
)
def test_sentinels_with_a_password(servers, rule, identity):
    """Sentinels are told who asks, if that is set; their password is not the master's."""
    master = servers.start("requirepass other")
    sentinel = servers.start(
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1",
        "sentinel auth-pass mymaster other",
        rule,
        "user default off" if "user" in rule else "",
        sentinel=True,
    )
    where = f"mymaster@127.0.0.1:{sentinel.port}"
    known = servers.cache(url="redis://:other@/0", sentinel=where, **identity)
    unknown = servers.cache(url="redis://:other@/0", sentinel=where)

    assert works(known)
    assert "cache.denied" == failure_of(lambda: unknown.read(KEY, timeout=5))


def test_fault_175_a_sentinel_cannot_send_tokens_away(servers):
    """A master beyond this machine gets nothing in plain text, no matter who names it."""
    sentinel = servers.start("sentinel monitor mymaster 192.0.2.1 6379 1", sentinel=True)
    where = f"mymaster@127.0.0.1:{sentinel.port}"
    cache = servers.cache(url="redis://", sentinel=where)

    assert "cache.insecure" == failure_of(lambda: cache.read(KEY, timeout=5))


@define
class Node:
    """A node that has all slots, and gives any command the same reply."""

    entries: str
    response: str

    def play(self, connection):
        start = 0
        while connection.take():
            asked, start = connection.received[start:], len(connection.received)
            if b"SETINFO" in asked:
                reply = "+OK\r\n"
            elif b"SLOTS" in asked:
                reply = self.entries
            elif b"INFO" in asked:
                reply = "$17\r\ncluster_enabled:1\r\n"
            else:
                reply = self.response
            connection.socket.sendall(reply.encode())


def test_sentinels_are_asked_over_tls_too(servers, tls):
    """With `rediss://`, no word to anyone goes without it; the certificate must hold the address."""
    master, options = tls("tls-auth-clients no", "tls-replication yes")
    files = [each for each in master.directives if "-file" in each]
    sentinel = servers.start(
        *("port 0", "tls-port {port}", "tls-replication yes", "tls-auth-clients no", *files),
        f"sentinel monitor mymaster 127.0.0.1 {master.port} 1",
        sentinel=True,
    )
    where = f"mymaster@127.0.0.1:{sentinel.port}"
    cache = servers.cache(url="rediss://", sentinel=where, ca_file=options["ca_file"])

    assert works(cache)


@pytest.fixture(scope="module")
def cluster(make_servers):
    nodes, clients = make_servers.cluster()
    return make_servers, nodes, clients


def test_a_cluster_keeps_each_key_where_it_belongs(cluster):
    """Every operation works for keys of every node; all that belongs to a key is on one node."""
    servers, nodes, clients = cluster
    for client in clients:
        client.flushall()
    cache = servers.cache(nodes[0], cluster=True)
    leases = [cache.lease(key, seconds=30, timeout=5) for key in KEYS]
    for key, lease in zip(KEYS, leases, strict=True):
        cache.write(key, key.encode(), lifetime=100, number=lease.number, timeout=5)

    assert [key.encode() for key in KEYS] == [cache.read(key, timeout=5) for key in KEYS]
    assert KEYS == [each.key for each in cache.entries(timeout=5)]
    assert {LeaseState.ACQUIRED} == {each.state for each in leases}
    assert all(each.renew(timeout=5) for each in leases)
    assert 3 * len(KEYS) == sum(client.dbsize() for client in clients)
    assert all(client.dbsize() for client in clients)
    assert len(KEYS) == cache.clear(timeout=5)
    for each in leases:
        each.release(timeout=5)


def test_the_user_that_the_readme_describes(cluster, readme):
    """The access list of the README, with what it adds for clusters, is enough for everything."""
    servers, nodes, clients = cluster
    (rule,) = [line for line in readme.splitlines() if line.startswith("user credicorp ")]
    words = rule.replace(">PASSWORD", ">pw").split()[1:]
    more = ["+cluster|slots", "+asking", "+info"]
    assert f"add `{' '.join(more)}`" in readme
    for client in clients:
        client.execute_command("ACL SETUSER", *words, *more)
    cache = servers.cache(url=f"redis://credicorp:pw@127.0.0.1:{nodes[0].port}", cluster=True)
    lease = cache.lease(KEYS[3], seconds=30, timeout=5)
    cache.write(KEYS[3], b"x", lifetime=100, number=lease.number, timeout=5)

    assert (b"x", True) == (cache.read(KEYS[3], timeout=5), lease.renew(timeout=5))
    assert KEYS[3] in [each.key for each in cache.entries(timeout=5)]
    lease.release(timeout=5)
    assert cache.discard(KEYS[3], expected=b"x", timeout=5)


def slot_of(clients, key):
    """Return the slot of an entry, and which node has it."""
    hash_slot = clients[0].execute_command("CLUSTER KEYSLOT", f"credicorp_auth:{{{key}}}")
    for first, last, (_, port, *_), *_ in clients[0].execute_command("CLUSTER SLOTS"):
        if first <= hash_slot <= last:
            ports = [each.connection_pool.connection_kwargs["port"] for each in clients]
            return hash_slot, ports.index(port)
    return hash_slot, None


def give_slot(clients, hash_slot, owner):
    """Let a node have a slot."""
    name = clients[owner].execute_command("CLUSTER MYID").decode()
    for client in (clients[owner], *clients):
        client.execute_command("CLUSTER SETSLOT", hash_slot, "NODE", name)


def test_a_map_that_is_out_of_date_is_followed(cluster):
    """MOVED is followed within the same command."""
    servers, nodes, clients = cluster
    key = "ab" * 32  # of this test alone
    cache = servers.cache(nodes[0], cluster=True)
    cache.read(key, timeout=5)
    hash_slot, owner = slot_of(clients, key)
    for turn in (1, 2, 3):  # round all nodes, and home
        give_slot(clients, hash_slot, (owner + turn) % 3)

        assert works(cache, key)
        assert 1 == clients[(owner + turn) % 3].execute_command(
            "CLUSTER COUNTKEYSINSLOT", hash_slot
        )
        assert cache.discard(key, timeout=5)


def test_a_slot_on_its_way_is_followed(cluster):
    """While an entry moves to another node, ASK is followed for what is there already."""
    servers, nodes, clients = cluster
    key = "cd" * 32  # of this test alone
    hash_slot, source = slot_of(clients, key)
    names = [client.execute_command("CLUSTER MYID").decode() for client in clients]
    cache = servers.cache(nodes[0], cluster=True)
    cache.read(KEY, timeout=5)
    target = (source + 1) % 3
    clients[target].execute_command("CLUSTER SETSLOT", hash_slot, "IMPORTING", names[source])
    clients[source].execute_command("CLUSTER SETSLOT", hash_slot, "MIGRATING", names[target])
    try:
        assert works(cache, key)
        assert 1 == clients[target].execute_command("CLUSTER COUNTKEYSINSLOT", hash_slot)
    finally:
        give_slot(clients, hash_slot, target)


def test_a_node_that_is_gone(servers):
    """The others are found without it, though it is the one of `url`; when it is back it is used."""
    nodes, clients = servers.cluster()
    for client in clients:
        client.config_set("cluster-require-full-coverage", "no")
        client.config_set("cluster-node-timeout", "60000")
    cache = servers.cache(nodes[0], cluster=True)
    cache.read(KEY, timeout=5)
    lost, kept = (
        next(key for key in KEYS if slot_of(clients, key)[1] == owner) for owner in (0, 1)
    )
    nodes[0].kill()

    for _ in range(2):
        assert works(cache, kept)
        assert "cache.unavailable" == failure_of(lambda: cache.read(lost, timeout=5))
    nodes[0].start()
    servers.wait_until(lambda: works(cache, lost))
    assert works(cache, kept)


def test_a_node_that_stands_still(servers):
    """Its own keys fail in time; the keys of others are served."""
    nodes, clients = servers.cluster()
    for client in clients:
        client.config_set("cluster-node-timeout", "60000")
    cache = servers.cache(nodes[0], cluster=True)
    cache.read(KEY, timeout=5)
    lost, kept = (
        next(key for key in KEYS if slot_of(clients, key)[1] == owner) for owner in (0, 1)
    )
    nodes[0].freeze()

    assert works(cache, kept)
    assert "cache.timeout" == failure_of(lambda: cache.read(lost, timeout=0.5))
    servers.wait_until(lambda: works(cache, kept, timeout=2))
    nodes[0].thaw()
    servers.wait_until(lambda: works(cache, lost))


def test_any_of_several_nodes_finds_the_cluster(cluster):
    """The node of `url` may be gone, and one of the others silent."""
    servers, nodes, _ = cluster
    where = f"redis://127.0.0.1:{free_port()}"
    with WireServer([Hold()]) as silent:
        several = f"127.0.0.1:{silent.port},127.0.0.1:{nodes[1].port},127.0.0.1:{nodes[2].port}"
        gone = servers.cache(url=where, cluster=True, nodes=several.partition(",")[2])
        slow = servers.cache(url=where, cluster=True, nodes=several)

        assert works(gone)
        servers.wait_until(lambda: works(slow, timeout=1))


ALL_SLOTS = "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n"


def test_nodes_that_send_each_other_round_in_circles(servers):
    """Redirections end, however many a node would give."""
    with WireServer() as node:
        moved = f"-MOVED {SLOT} 127.0.0.1:{node.port}\r\n"
        node.scripts = [[Node(ALL_SLOTS.format(port=node.port), moved)]]
        cache = servers.cache(url=f"redis://127.0.0.1:{node.port}", cluster=True)

        assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=60))
        assert 1 < sum(each.received.count(b"EVALSHA") for each in node.connections) <= 16


@pytest.mark.parametrize("word", ["MOVED", "ASK"])
def test_fault_175_a_node_cannot_send_tokens_away(servers, word):
    """A node beyond this machine gets nothing in plain text if a node names it."""
    with WireServer() as node:
        far = f"-{word} {SLOT} 192.0.2.1:6379\r\n"
        node.scripts = [[Node(ALL_SLOTS.format(port=node.port), far)]]
        cache = servers.cache(url=f"redis://127.0.0.1:{node.port}", cluster=True)

        expected = {"MOVED": "cache.insecure", "ASK": "cache.unavailable"}  # ASK: not in the map
        assert expected[word] == failure_of(lambda: cache.read(KEY, timeout=60))


def test_fault_175_a_map_cannot_send_tokens_away(servers):
    """Nor does a node that stands in the map."""
    with WireServer() as node:
        entries = ALL_SLOTS.replace("127.0.0.1", "192.0.2.1").format(port=node.port)
        node.scripts = [[Node(entries, "$-1\r\n")]]
        cache = servers.cache(url=f"redis://127.0.0.1:{node.port}", cluster=True)

        assert "cache.insecure" == failure_of(lambda: cache.read(KEY, timeout=60))


def test_fault_162_a_cluster_that_is_down(servers):
    """A node that has no slots, and knows of none, is of no use."""
    node = servers.start("cluster-enabled yes")
    cache = servers.cache(node, cluster=True)

    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5))


def test_all_nodes_gone(servers):
    """Where no node that is known answers, that is told."""
    cache = servers.cache(url=f"redis://127.0.0.1:{free_port()}", cluster=True)

    assert "cache.unavailable" == failure_of(lambda: cache.read(KEY, timeout=5))
