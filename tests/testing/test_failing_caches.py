"""Caches in trouble, and an engine that goes on over each of them."""

from __future__ import annotations

import itertools
import threading
from functools import partial

import pytest

from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.plugin.api import Cache, CacheCapabilities, LeasingCache, ListingCache
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_memory import MemoryCache
from credicorp_auth_testing.fakes import (
    ListedSecrets,
    ScriptedTransport,
    SwitchableCache,
    wait_idle,
)
from failing_caches import (
    AroundCache,
    CorruptingCache,
    FailingCache,
    SlowCache,
    cut,
    flip,
)

KEY = "a" * 64
HERD = 50
_CLIENTS = itertools.count()


class OrderedCache(MemoryCache):
    """A cache in memory that takes what a cache with leases is given, and writes it down."""

    capabilities = CacheCapabilities(shared=True, leases=True, lists=True)

    def __init__(self):
        super().__init__()
        self.numbers = []

    def write(self, key, entry, *, lifetime, number=0, timeout):
        self.numbers.append(number)
        super().write(key, entry, lifetime=lifetime, timeout=timeout)

    def lease(self, key, *, seconds, timeout):
        return (key, seconds)

    def entries(self, *, timeout):
        return ["listed"]

    def clear(self, *, timeout):
        return 7


@pytest.fixture
def engine_over():
    """Build engines over a cache, with a transport of the test's own."""
    made = []

    def build(cache, client_id=None):
        events = []
        transport = ScriptedTransport()
        engine = build_engine(
            Settings(
                base_url="https://as.example",
                client_id=client_id or f"troubled-{next(_CLIENTS)}",
                transport=transport,
                cache=cache,
                secrets=ListedSecrets(),
                observers=[lambda event: events.append((event.name, event.fields.get("code")))],
            )
        )
        made.append((engine, transport))
        return engine, transport, events

    yield build
    for engine, transport in made:
        transport.gate.set()
        engine.close()
    wait_idle()


def _call(engine):
    """Return the call under way for the default scope."""
    return engine._calls.find((engine._default.scope.words, False))


@pytest.mark.parametrize(
    "build_cache",
    [
        pytest.param(FailingCache, id="fails"),
        pytest.param(lambda: FailingCache(OSError("down")), id="breaks its contract"),
        pytest.param(lambda: SlowCache(MemoryCache(), seconds=0.05), id="dawdles"),
        pytest.param(lambda: CorruptingCache(MemoryCache()), id="lies"),
        pytest.param(lambda: CorruptingCache(MemoryCache(), damage=cut), id="forgets half"),
    ],
)
def test_an_engine_goes_on(engine_over, build_cache):
    """A herd of threads still costs one request, and each of them has the token."""
    engine, transport, _ = engine_over(build_cache())
    transport.gate.clear()
    tokens = []
    threads = [
        threading.Thread(target=lambda: tokens.append(engine.get_token().value.reveal()))
        for _ in range(HERD)
    ]
    for thread in threads:
        thread.start()
    while not transport.sent or len(_call(engine).waiters) < HERD:
        pass
    transport.gate.set()
    for thread in threads:
        thread.join()

    assert (["token-1"] * HERD, 1) == (tokens, len(transport.sent))
    assert "token-1" == engine.get_token().value.reveal()
    assert 1 == len(transport.sent)


@pytest.mark.parametrize(
    ("build_cache", "expected"),
    [
        (FailingCache, ("cache.failed", "cache.unavailable")),
        (lambda: FailingCache(OSError("down")), ("cache.failed", "plugin.contract")),
    ],
)
def test_trouble_is_an_event(engine_over, build_cache, expected):
    """Reading and writing are both told, each by its code."""
    engine, _, events = engine_over(build_cache())
    engine.get_token()
    wait_idle()

    assert 2 == events.count(expected)


def test_a_lie_is_an_event(engine_over):
    """What a cache has damaged is found out, and a new token is obtained."""
    inner = MemoryCache()
    honest, _, _ = engine_over(inner, client_id="lied-to")
    honest.get_token()
    wait_idle()
    engine, transport, events = engine_over(CorruptingCache(inner), client_id="lied-to")
    engine.get_token()
    wait_idle()

    assert 1 == len(transport.sent)
    assert "cache.corrupt" in [name for name, _ in events]


def test_a_failing_cache_does_nothing_but_fail():
    """Each method raises; closing does not."""
    cache = FailingCache(capabilities=CacheCapabilities(leases=True, lists=True))
    for call in (
        lambda: cache.read(KEY, timeout=5),
        lambda: cache.write(KEY, b"x", lifetime=1, timeout=5),
        lambda: cache.discard(KEY, timeout=5),
        lambda: cache.lease(KEY, seconds=1, timeout=5),
        partial(cache.entries, timeout=5),
        partial(cache.clear, timeout=5),
    ):
        with pytest.raises(CacheUnavailable):
            call()
    cache.after_fork()
    cache.close()

    assert ["read", "write", "discard", "lease", "entries", "clear", "close"] == cache.asked
    assert isinstance(cache, LeasingCache)
    assert isinstance(cache, ListingCache)


@pytest.mark.parametrize(
    "around",
    [AroundCache, CorruptingCache, lambda inner: SlowCache(inner, seconds=0)],
)
def test_what_is_around_passes_everything_on(around):
    """It is a cache with all that the one inside has."""
    inner = OrderedCache()
    cache = around(inner)
    cache.write(KEY, b"x", lifetime=10, number=3, timeout=5)
    cache.after_fork()

    assert isinstance(cache, Cache)
    assert ([3], b"x") == (inner.numbers, inner.read(KEY, timeout=5))
    assert ((KEY, 2), ["listed"], 7) == (
        cache.lease(KEY, seconds=2, timeout=5),
        cache.entries(timeout=5),
        cache.clear(timeout=5),
    )
    assert inner.capabilities is cache.capabilities
    assert (True, False) == (
        cache.discard(KEY, expected=b"x", timeout=5),
        cache.discard(KEY, timeout=5),
    )
    cache.write(KEY, b"x", lifetime=10, timeout=5)
    cache.close()
    assert inner.read(KEY, timeout=5) is None


def test_a_cache_without_leases_gets_no_number():
    """The small port stays small."""
    inner = SwitchableCache()
    AroundCache(inner).write(KEY, b"x", lifetime=10, number=3, timeout=5)

    assert {KEY: b"x"} == inner.entries


def test_a_slow_cache_waits_until_it_is_let_go():
    """A caller that reads meanwhile waits."""
    cache = SlowCache(MemoryCache(), seconds=60)
    read = []
    reader = threading.Thread(target=lambda: read.append(cache.read(KEY, timeout=5)))
    reader.start()

    assert [] == read
    cache.let_go.set()
    reader.join()
    assert [None] == read


@pytest.mark.parametrize("entry", [b"", b"a", b"ab", b"abc"])
def test_damage(entry):
    """A turned bit leaves the length and changes one byte; a cut leaves the first half."""
    flipped = flip(entry)

    assert len(entry) == len(flipped)
    assert min(len(entry), 1) == sum(a != b for a, b in zip(entry, flipped, strict=True))
    assert entry[: len(entry) // 2] == cut(entry)
