"""Redis servers of every kind, and caches that use them."""

from __future__ import annotations

import os
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread

import pytest
import redis
import trustme

from credicorp_auth_redis import CacheOptions, RedisCache
from redis_server import RedisServer, find_redis


def pytest_collection_modifyitems(items):
    """Skip what needs a server where there is none, but never in CI."""
    try:
        find_redis()
    except FileNotFoundError as missing:
        if os.environ.get("CREDICORP_CI") == "1":
            raise
        for item in items:
            if "servers" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason=str(missing)))


def wait_until(is_so, *, seconds=300):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be so"
        time.sleep(0.02)


class Servers:
    """Starts servers and builds caches; everything ends with the test."""

    wait_until = staticmethod(wait_until)

    def __init__(self, stack):
        self.stack = stack

    def start(self, *directives, **how):
        """Start a server."""
        return self.stack.enter_context(RedisServer(*directives, **how))

    def cache(self, server=None, *, clock=time.time, **options):
        """Build a cache of a server, or of what the options name."""
        if server is not None:
            options.setdefault("url", server.url)
        cache = RedisCache(CacheOptions(**options), clock=clock)
        self.stack.callback(cache.close)
        return cache

    def client(self, server, **how):
        """Build a client of redis-py, for looking and meddling."""
        client = redis.Redis(host="127.0.0.1", port=server.port, protocol=2, **how)
        self.stack.callback(client.close)
        return client

    def cluster(self):
        """Start three masters that share the keys."""
        nodes = [self.start("cluster-enabled yes") for _ in range(3)]
        clients = [self.client(node) for node in nodes]
        bounds = [0, 5461, 10923, 16384]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTS", *range(bounds[number], bounds[number + 1]))
            client.execute_command("CLUSTER MEET", "127.0.0.1", nodes[0].port)
        wait_until(
            lambda: all(
                client.execute_command("CLUSTER INFO")["cluster_state"] == "ok"
                and len(client.execute_command("CLUSTER SLOTS")) == 3
                for client in clients
            )
        )
        return nodes, clients

    def sentinels(self, master, *more, count=3, **how):
        """Start sentinels that watch a master."""
        lines = [
            *more,
            f"sentinel monitor mymaster 127.0.0.1 {master.port} 2",
            "sentinel down-after-milliseconds mymaster 500",
            "sentinel failover-timeout mymaster 3000",
        ]
        sentinels = [self.start(*lines, sentinel=True) for _ in range(count)]
        clients = [self.client(each, **how) for each in sentinels]

        def knows(client):
            state = client.execute_command("SENTINEL MASTER", "mymaster")
            return (count - 1, 1) == (state["num-other-sentinels"], state["num-slaves"])

        wait_until(lambda: all(knows(client) for client in clients))
        return sentinels

    def watched(self, *more, **how):
        """Start a master, a replica, and sentinels that watch them; say where the sentinels are."""
        master = self.start()
        replica = self.start(f"replicaof 127.0.0.1 {master.port}")
        client = self.client(replica)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        sentinels = self.sentinels(master, *more, **how)
        where = ",".join(f"127.0.0.1:{each.port}" for each in sentinels)
        return master, replica, sentinels, f"mymaster@{where}"

    def proxy(self, server):
        """Put a proxy before a server."""
        return self.stack.enter_context(Proxy(server.port))


class Proxy:
    """Passes bytes on; answers may be held back, or cut off in the middle."""

    def __init__(self, target):
        self.target = target
        self.delay = 0.0
        self.cut_after = None  # bytes of answers, all connections together
        self.seen = b""
        self.ends = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}"

    def __enter__(self):
        self.threads = [Thread(target=self.listen, daemon=True)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.shut(self.listener)
        self.threads[0].join()
        self.drop()
        for thread in self.threads:
            thread.join()
        for each in (self.listener, *self.ends):
            each.close()

    def listen(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection(("127.0.0.1", self.target))
            self.ends += [near, far]
            for work in ((near, far, self.ask), (far, near, self.response)):
                thread = Thread(target=self.carry, args=work, daemon=True)
                self.threads.append(thread)
                thread.start()

    def carry(self, source, target, treat):
        with suppress(OSError):  # it was dropped
            while data := source.recv(65536):
                passed = treat(data)
                target.sendall(passed)
                if passed != data:
                    break
        for end in (source, target):
            self.shut(end)

    def ask(self, data):
        self.seen += data
        return data

    def response(self, data):
        time.sleep(self.delay)
        if self.cut_after is not None:
            data, self.cut_after = data[: self.cut_after], max(self.cut_after - len(data), 0)
        return data

    def drop(self):
        """Break all connections."""
        for end in self.ends:
            self.shut(end)

    @staticmethod
    def shut(end):
        with suppress(OSError):  # it has gone already
            end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def servers():
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture
def tls(servers, authority, tmp_path):
    """Start a server under TLS, and say which file names its authority."""

    def start(*directives, names=("127.0.0.1",), signed_by=authority):
        certificate = signed_by.issue_cert(*names)
        key, chain, ca = tmp_path / "key.pem", tmp_path / "chain.pem", tmp_path / "ca.pem"
        certificate.private_key_pem.write_to_path(str(key))
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(str(chain), append=True)
        authority.cert_pem.write_to_path(str(ca))
        terms = directives or ("tls-auth-clients no",)
        files = (f"tls-cert-file {chain}", f"tls-key-file {key}", f"tls-ca-cert-file {ca}")
        try:
            server = servers.start("port 0", "tls-port {port}", *files, *terms)
        except RuntimeError as refusal:
            if "'tls-port" not in str(refusal) or os.environ.get("CREDICORP_CI") == "1":
                raise
            pytest.skip("this redis-server was built without TLS")
        return server, {"url": f"rediss://127.0.0.1:{server.port}", "ca_file": str(ca)}

    return start


@pytest.fixture
def shown_by():
    """Collect all that an error shows: texts, chained errors, locals below the test's own frame."""

    def collect(error):
        shown, frame = [str(error), repr(error), repr(vars(error))], error.__traceback__.tb_next
        while frame is not None:
            values = frame.tb_frame.f_locals.items()
            # `self` is no local, and may be half built.
            shown += [repr(value) for name, value in values if name != "self"]
            frame = frame.tb_next
        assert (None, None) == (error.__cause__, error.__context__)
        return "\n".join(shown)

    return collect


@pytest.fixture(scope="module")
def make_servers():
    """Servers for all tests of a module."""
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="module")
def kinds(make_servers):
    """Start Redis as a single server, behind sentinels or as a cluster, once for a module."""
    started = {}

    def start(kind):
        if kind not in started:
            started[kind] = ways[kind]()
        return make_servers, *started[kind]

    def single():
        server = make_servers.start()
        return {"url": f"{server.url}/3"}, [make_servers.client(server, db=3)]

    def sentinel():
        master, _, _, where = make_servers.watched()
        return {"url": "redis:///3", "sentinel": where}, [make_servers.client(master, db=3)]

    def cluster():
        nodes, clients = make_servers.cluster()
        return {"url": nodes[0].url, "cluster": True}, clients

    ways = {"single": single, "sentinel": sentinel, "cluster": cluster}
    return start


@pytest.fixture
def readme():
    return (Path(__file__).parents[1] / "README.md").read_text("utf-8")
