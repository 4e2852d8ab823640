"""A child of a fork opens connections of its own: fault 177."""

from __future__ import annotations

import os
import threading

import pytest

from credicorp_auth.errors import CacheUnavailable
from redis_server import free_port

KEY, OTHER = "a1" * 32, "b2" * 32


def exit_code_of(work):
    """Run something in a child, and return the code it ends with."""
    child = os.fork()
    if child == 0:  # pragma: no cover # measured in the parent only
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_fault_177_parent_and_child_do_not_share(servers):
    """While both work at once, each reads its own answers, and the parent's connection lives on."""
    server = servers.start()
    cache, client = servers.cache(server), servers.client(server)
    cache.write(KEY, b"of the parent", lifetime=100, timeout=5)
    cache.write(OTHER, b"of the child", lifetime=100, timeout=5)
    parents = {each["id"] for each in client.client_list()}
    wrong = []
    going = threading.Event()

    def work():
        while not going.is_set():
            if cache.read(KEY, timeout=5) != b"of the parent":
                wrong.append(1)

    thread = threading.Thread(target=work)
    thread.start()

    def child():
        cache.after_fork()
        own = [cache.read(OTHER, timeout=5) for _ in range(300)]
        there = {each["id"] for each in client.client_list()}
        return own == [b"of the child"] * 300 and there - parents

    codes = [exit_code_of(child) for _ in range(3)]
    going.set()
    thread.join()

    assert ([0, 0, 0], []) == (codes, wrong)
    assert b"of the parent" == cache.read(KEY, timeout=5)
    servers.wait_until(lambda: {each["id"] for each in client.client_list()} <= parents)


def test_a_child_judges_anew(servers):
    """A breaker that was open in the parent is closed in the child, and its locks are free."""
    port = free_port()
    cache = servers.cache(url=f"redis://127.0.0.1:{port}")
    with pytest.raises(CacheUnavailable):
        cache.read(KEY, timeout=5)
    cache._breaker._lock.acquire()
    cache._route._pool._lock.acquire()
    cache.after_fork()

    assert cache._breaker.check() is None
    assert not cache._breaker._is_probing


def test_every_way_of_running_redis_lets_go(servers):
    """Sentinels and clusters, too, start without the parent's connections."""
    for options in (
        {"url": "redis://", "sentinel": "m@127.0.0.1"},
        {"url": "redis://127.0.0.1", "cluster": True},
    ):
        cache = servers.cache(**options)
        before = cache._route._pool._idle
        cache.after_fork()

        assert before is not cache._route._pool._idle
