"""What is shown of password and entries, and to whom: faults 176 and 313."""

from __future__ import annotations

import gc
import logging
from functools import partial

import pytest
from redis.connection import Connection

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth_testing.wire import Hold, WireServer

KEY = "a1" * 32
PASSWORD, ENTRY = "passw0rd-canary", b"entry-canary"


def use(cache, *, timeout=5):
    """Do everything, and return the errors that come of it."""
    errors = []
    for call in (
        lambda: cache.write(KEY, ENTRY, lifetime=100, number=1, timeout=timeout),
        lambda: cache.read(KEY, timeout=timeout),
        lambda: cache.lease(KEY, seconds=3, timeout=timeout).release(timeout=timeout),
        partial(cache.entries, timeout=timeout),
        lambda: cache.discard(KEY, expected=ENTRY[:5], timeout=timeout),
        partial(cache.clear, timeout=timeout),
    ):
        try:
            call()
        except CacheUnavailable as error:
            errors.append(error)
    return errors


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG)
    return lambda: "\n".join(f"{each.getMessage()}{vars(each)}" for each in caplog.records)


def test_fault_313_debug_logs_show_nothing(servers, logged, capfd):
    """With every logger at DEBUG, neither password nor entry comes up, nor on the terminal."""
    server = servers.start(f"requirepass {PASSWORD}")
    cache = servers.cache(url=f"redis://:{PASSWORD}@127.0.0.1:{server.port}")
    silent = servers.stack.enter_context(WireServer([Hold()]))
    slow = servers.cache(url=f"redis://:{PASSWORD}@127.0.0.1:{silent.port}")

    assert [] == use(cache)
    assert 5 == len(use(slow, timeout=0.05))
    shown = "".join([logged(), *capfd.readouterr()])
    assert (False, False) == (PASSWORD in shown, ENTRY.decode() in shown)


@pytest.mark.parametrize("fate", ["down", "frozen", "denied"])
def test_fault_176_errors_show_nothing(servers, shown_by, fate):
    """No error shows password or entry: not by text, chain, or the locals of our frames."""
    server = servers.start(f"requirepass {PASSWORD}{'x' * (fate == 'denied')}")
    cache = servers.cache(url=f"redis://u:{PASSWORD}@127.0.0.1:{server.port}")
    if fate == "down":
        server.kill()
    elif fate == "frozen":
        server.freeze()
    errors = use(cache, timeout=0.1 if fate == "frozen" else 5)

    assert 5 == len(errors)
    for error in errors:
        shown = shown_by(error)
        assert (False, False) == (PASSWORD in shown, ENTRY.decode() in shown)


def test_fault_176_connections_hold_no_password(servers):
    """A walk over what redis-py keeps of an open connection meets the password nowhere."""
    server = servers.start(f"requirepass {PASSWORD}")
    cache = servers.cache(url=f"redis://default:{PASSWORD}@127.0.0.1:{server.port}")
    cache.read(KEY, timeout=5)
    open_ones = [
        each
        for each in gc.get_objects()
        if issubclass(type(each), Connection) and each.port == server.port
    ]

    assert open_ones
    for each in open_ones:
        assert PASSWORD not in f"{each!r}{vars(each)}{vars(each.credential_provider)}"
