"""A child of a fork opens connections of its own: fault 177."""

from __future__ import annotations

import gc
import os
import threading

import pytest

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


@pytest.mark.parametrize("kind", ["single", "sentinel", "cluster"])
def test_a_child_opens_its_own_connections(kinds, kind):
    """Single servers, sentinels and clusters: a child lets go of what the parent had, and works."""
    servers, options, clients = kinds(kind)
    cache = servers.cache(**options)
    cache.write(KEY, b"of the parent", lifetime=100, timeout=5)

    def ids():
        return {
            (n, each["id"]) for n, client in enumerate(clients) for each in client.client_list()
        }

    before = ids()

    def child():
        cache.after_fork()
        gc.collect()
        return cache.read(KEY, timeout=5) == b"of the parent" and ids() - before

    assert 0 == exit_code_of(child)
    assert b"of the parent" == cache.read(KEY, timeout=5)
    servers.wait_until(lambda: ids() <= before)
