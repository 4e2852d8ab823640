"""What lies in Redis, for how long, and what else may lie there: faults 164 to 169."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import time

import pytest

import credicorp_auth_redis
from credicorp_auth.errors import CacheUnavailable
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import Cache, CacheCapabilities, LeasingCache, ListingCache
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_redis import RedisCache, plugin
from credicorp_auth_redis.record import build_record, read_head

KEY, OTHER = "a1" * 32, "b2" * 32


@pytest.fixture
def server(servers):
    return servers.start()


@pytest.fixture
def cache(servers, server):
    return servers.cache(server)


@pytest.fixture
def client(servers, server):
    return servers.client(server)


def test_what_was_written_is_read_by_all(servers, server, cache):
    """An entry is read as it was written last, by anyone who uses the same server."""
    cache.write(KEY, b"first", lifetime=10, timeout=5)
    cache.write(KEY, b"\x00\r\nsecond", lifetime=10, timeout=5)

    assert (b"\x00\r\nsecond", None) == (
        servers.cache(server).read(KEY, timeout=5),
        cache.read(OTHER, timeout=5),
    )


def test_capabilities(servers, server):
    """It is shared, offers leases and lists, and hands over the encryption keys as it was set."""
    key = Secret("key")
    cache = servers.cache(server, encryption_key=key)

    assert (
        CacheCapabilities(
            shared=True, spans_processes=True, leases=True, lists=True, encryption_key=key
        )
        == cache.capabilities
    )
    for port in (Cache, LeasingCache, ListingCache):
        assert isinstance(cache, port)


def test_discard(cache):
    """An entry is dropped once, and only if it contains what was expected of it."""
    cache.write(KEY, b"record-1", lifetime=10, timeout=5)

    assert not cache.discard(KEY, expected=b"record-2", timeout=5)
    assert not cache.discard(
        KEY, expected=b"credicorp", timeout=5
    )  # the record around it is no part of it
    assert b"record-1" == cache.read(KEY, timeout=5)
    assert cache.discard(KEY, expected=b"cord-", timeout=5)
    assert cache.read(KEY, timeout=5) is None
    assert not cache.discard(KEY, expected=b"cord-", timeout=5)
    assert not cache.discard(KEY, timeout=5)


def test_discard_whatever_it_is(cache):
    """Without an expectation, any entry of that key is dropped, and none of another."""
    cache.write(KEY, b"x", lifetime=10, timeout=5)
    cache.write(OTHER, b"x", lifetime=10, timeout=5)

    assert cache.discard(KEY, timeout=5)
    assert (None, b"x") == (cache.read(KEY, timeout=5), cache.read(OTHER, timeout=5))


def test_what_is_expected_is_no_pattern(cache):
    """Characters that Lua's patterns know mean themselves."""
    cache.write(KEY, b"100%w+[a]", lifetime=10, timeout=5)

    assert not cache.discard(KEY, expected=b".", timeout=5)
    assert cache.discard(KEY, expected=b"%w+[", timeout=5)


def test_fault_165_the_end_that_is_written_in_decides(servers, server, client):
    """An entry is not read at or after its end, however long Redis would keep it."""
    now = [time.time()]
    cache = servers.cache(server, clock=lambda: now[0])
    cache.write(KEY, b"x", lifetime=10, timeout=5)
    client.pexpire(f"credicorp_auth:{{{KEY}}}", 100_000)
    now[0] += 9.9
    before = cache.read(KEY, timeout=5)
    now[0] += 0.2

    assert (b"x", None) == (before, cache.read(KEY, timeout=5))
    assert client.exists(f"credicorp_auth:{{{KEY}}}")
    assert [] == cache.entries(timeout=5)


def test_fault_166_without_a_time_in_redis_it_ends_too(servers, server, client):
    """The writer always sets a time, and an entry that lost it still ends."""
    now = [time.time()]
    cache = servers.cache(server, clock=lambda: now[0])
    cache.write(KEY, b"x", lifetime=10, timeout=5)
    remaining = client.pttl(f"credicorp_auth:{{{KEY}}}")
    client.persist(f"credicorp_auth:{{{KEY}}}")
    now[0] += 11

    assert 0 < remaining <= 10_000
    assert cache.read(KEY, timeout=5) is None


def test_redis_drops_what_has_ended(servers, cache, client):
    """The server itself drops an entry at its end."""
    cache.write(KEY, b"x", lifetime=0.05, timeout=5)
    servers.wait_until(lambda: not client.keys())

    assert cache.read(KEY, timeout=5) is None


def test_what_has_ended_is_not_discarded(servers, server, client):
    """Whether an entry was dropped is judged as by a reader, however long Redis keeps it."""
    now = [time.time()]
    cache = servers.cache(server, clock=lambda: now[0])
    for expected in (None, b"x"):
        cache.write(KEY, b"x", lifetime=10, timeout=5)
        client.persist(f"credicorp_auth:{{{KEY}}}")
        now[0] += 11

        assert not cache.discard(KEY, expected=expected, timeout=5)


@pytest.mark.parametrize("lifetime", [0, -1, 0.0001, math.nan, -math.inf])
def test_an_entry_without_lifetime_is_not_kept(cache, lifetime):
    """It still replaces an older one."""
    cache.write(KEY, b"old", lifetime=10, timeout=5)
    cache.write(KEY, b"new", lifetime=lifetime, timeout=5)

    assert cache.read(KEY, timeout=5) is None


@pytest.mark.parametrize("lifetime", [math.inf, 1e300])
def test_no_entry_lives_for_ever(cache, client, lifetime):
    """A lifetime without sense becomes a year at most."""
    cache.write(KEY, b"x", lifetime=lifetime, timeout=5)

    assert b"x" == cache.read(KEY, timeout=5)
    assert 0 < client.pttl(f"credicorp_auth:{{{KEY}}}") <= 366 * 24 * 3600 * 1000


def record(key=KEY, entry=b"x", *, now=None, lifetime=60.0):
    return build_record(key, entry, number=0, now=now or time.time(), lifetime=lifetime)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="167-empty"),
        pytest.param(b"\xff\x00garbage", id="167-garbage"),
        pytest.param(b"credicorp-auth/1 ", id="167-cut"),
        pytest.param(record()[:-2], id="167-cut-head"),
        pytest.param(record().replace(b"auth/1", b"auth/2"), id="167-another-version"),
        pytest.param(record(key=OTHER), id="167-another-key"),
        pytest.param(record(entry=b"x" * (256 * 1024 + 1)), id="167-oversized"),
        pytest.param(b"x" * 3_000_000, id="167-huge"),
        pytest.param(re.sub(rb"\d{13}", b"9" * 40, record()), id="167-numbers-without-end"),
        pytest.param(record(now=1.0), id="167-ended"),
    ],
)
def test_what_is_no_record_of_that_key_is_no_entry(cache, client, value):
    """Fault 167: anything else is a miss, and gives way to what is written."""
    client.set(f"credicorp_auth:{{{KEY}}}", value)

    assert cache.read(KEY, timeout=5) is None
    cache.write(KEY, b"new", lifetime=10, number=1, timeout=5)
    assert b"new" == cache.read(KEY, timeout=5)


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(lambda client, name: client.rpush(name, "x"), id="167-list"),
        pytest.param(lambda client, name: client.hset(name, "x", "y"), id="167-hash"),
        pytest.param(lambda client, name: client.xadd(name, {"x": "y"}), id="167-stream"),
    ],
)
def test_another_type_is_no_entry(cache, client, meddle):
    """Fault 167: WRONGTYPE does not escape, from no method."""
    meddle(client, f"credicorp_auth:{{{KEY}}}")

    assert cache.read(KEY, timeout=5) is None
    assert [] == cache.entries(timeout=5)
    assert not cache.discard(KEY, expected=b"x", timeout=5)
    cache.write(KEY, b"new", lifetime=10, number=1, timeout=5)
    assert b"new" == cache.read(KEY, timeout=5)
    meddle(client, f"credicorp_auth:{{{OTHER}}}")
    assert not cache.discard(OTHER, timeout=5)  # it is dropped, but was no entry
    assert not client.exists(f"credicorp_auth:{{{OTHER}}}")


def test_another_type_where_leases_are(cache, client):
    """Fault 167: what is no lease and no counter, and never ends, gives way."""
    client.rpush(f"credicorp_auth:{{{KEY}}}:lease", "x")
    client.rpush(f"credicorp_auth:{{{KEY}}}:number", "x")
    lease = cache.lease(KEY, seconds=3, timeout=5)
    meddled = cache.lease(OTHER, seconds=3, timeout=5)
    client.delete(f"credicorp_auth:{{{OTHER}}}:lease")
    client.rpush(f"credicorp_auth:{{{OTHER}}}:lease", "x")
    meddled.release(timeout=5)

    assert lease.number > 0
    assert not meddled.renew(timeout=5)
    assert client.exists(f"credicorp_auth:{{{OTHER}}}:lease")


def test_the_largest_entry(cache):
    """256 KiB are kept; more is refused and never sent."""
    largest = b"x" * (256 * 1024)
    cache.write(KEY, largest, lifetime=10, timeout=5)
    with pytest.raises(CacheUnavailable) as caught:
        cache.write(KEY, largest + b"x", lifetime=10, timeout=5)

    assert largest == cache.read(KEY, timeout=5)
    assert cache.discard(KEY, expected=b"xx", timeout=5)
    assert "cache.too_large" == caught.value.code


def test_fault_164_a_lost_entry_is_a_miss(cache, client):
    """After FLUSHALL an entry is missing, and can be written again, scripts forgotten or not."""
    cache.write(KEY, b"x", lifetime=10, number=5, timeout=5)
    client.flushall()
    client.script_flush()
    missing = cache.read(KEY, timeout=5)
    cache.write(KEY, b"y", lifetime=10, number=4, timeout=5)

    assert (None, b"y") == (missing, cache.read(KEY, timeout=5))


def test_fault_164_an_evicted_entry_is_a_miss(servers):
    """Where Redis makes room, what went is missing, and no error."""
    server = servers.start("maxmemory 4mb", "maxmemory-policy allkeys-lru")
    cache = servers.cache(server)
    for number in range(40):
        cache.write(f"{number:x}", b"x" * 200_000, lifetime=10, timeout=5)
    found = [cache.read(f"{number:x}", timeout=5) is not None for number in range(40)]

    assert 0 < sum(found) < 40


def test_fault_169_what_an_administrator_sees(cache, client):
    """Names are the prefix, the key, and what it is for; values a head of four words and the entry."""
    cache.lease(KEY, seconds=3, timeout=5)
    cache.write(KEY, b"sealed", lifetime=10, number=7, timeout=5)
    name = f"credicorp_auth:{{{KEY}}}"

    assert sorted([name, f"{name}:lease", f"{name}:number"]) == sorted(
        each.decode() for each in client.keys("*")
    )
    assert re.fullmatch(rb"credicorp-auth/1 (a1){32} 7 \d{13} \d{13}\nsealed", client.get(name))


def test_a_prefix_keeps_apart(servers, server, cache):
    """Caches with other prefixes see nothing of each other."""
    other = servers.cache(server, prefix="team-b:tokens")
    cache.write(KEY, b"x", lifetime=10, timeout=5)
    other.write(OTHER, b"y", lifetime=10, timeout=5)

    assert other.read(KEY, timeout=5) is None
    assert ([KEY], [OTHER]) == (
        [each.key for each in cache.entries(timeout=5)],
        [each.key for each in other.entries(timeout=5)],
    )
    assert (1, 0) == (other.clear(timeout=5), other.clear(timeout=5))
    assert b"x" == cache.read(KEY, timeout=5)


def test_databases_are_kept_apart(servers, server, cache):
    """The database in the address is the one that is used."""
    other = servers.cache(url=f"{server.url}/3")
    other.write(KEY, b"x", lifetime=10, timeout=5)

    assert (None, b"x") == (cache.read(KEY, timeout=5), other.read(KEY, timeout=5))


def test_entries_can_be_seen_and_dropped(cache, client):
    """Entries are listed by key with their ages; clearing drops them and nothing else."""
    client.mset({f"of-others-{number}": "x" for number in range(3000)})
    client.set("credicorp_auth:{not-ours}", "x")
    cache.write(OTHER, b"x", lifetime=100, timeout=5)
    cache.write(KEY, b"x", lifetime=10, timeout=5)
    lease = cache.lease(KEY, seconds=3, timeout=5)
    entries = cache.entries(timeout=5)

    assert [KEY, OTHER] == [each.key for each in entries]
    assert [True, True] == [0 <= each.age < 5 for each in entries]
    assert [True, True] == [
        0 <= limit - each.expires_in < 5 for each, limit in zip(entries, (10, 100), strict=True)
    ]
    assert 3 == cache.clear(timeout=5)
    assert ([], None) == (cache.entries(timeout=5), cache.read(KEY, timeout=5))
    assert lease.renew(timeout=5)
    assert 3000 == len(client.keys("of-others-*"))


def test_numbers_keep_writes_in_order(cache):
    """An entry of a larger number stays; one of the same, or of none, is replaced by any."""
    cache.write(KEY, b"9", lifetime=10, number=1_795_558_745_976_129, timeout=5)
    cache.write(KEY, b"8", lifetime=10, number=1_795_558_745_976_128, timeout=5)
    kept = cache.read(KEY, timeout=5)
    cache.write(KEY, b"9 again", lifetime=10, number=1_795_558_745_976_129, timeout=5)
    same = cache.read(KEY, timeout=5)
    cache.write(KEY, b"0", lifetime=10, timeout=5)
    replaced = cache.read(KEY, timeout=5)
    cache.write(KEY, b"1", lifetime=10, number=1, timeout=5)

    assert [b"9", b"9 again", b"0", b"1"] == [kept, same, replaced, cache.read(KEY, timeout=5)]


def test_what_has_ended_is_in_nobodys_way(servers, server, client):
    """An entry of a larger number that ended, and that Redis was told to keep, is replaced."""
    now = [time.time()]
    cache = servers.cache(server, clock=lambda: now[0])
    cache.write(KEY, b"9", lifetime=10, number=9, timeout=5)
    client.persist(f"credicorp_auth:{{{KEY}}}")
    now[0] += 11
    cache.write(KEY, b"8", lifetime=10, number=8, timeout=5)

    assert b"8" == cache.read(KEY, timeout=5)


def test_an_older_write_without_lifetime_drops_nothing(cache):
    """Order counts for what ends at once, too."""
    cache.write(KEY, b"9", lifetime=10, number=9, timeout=5)
    cache.write(KEY, b"8", lifetime=0, number=8, timeout=5)

    assert b"9" == cache.read(KEY, timeout=5)


def test_a_record_says_what_it_is():
    """The head of a record gives back what it was built of; what is no record has none."""
    built = build_record("ab", b"entry", number=7, now=1000.5, lifetime=2.25)
    head = read_head(built)

    assert ("ab", 7, 1_000_500, 1_002_750) == (head.key, head.number, head.written, head.ends)
    assert b"entry" == built[head.size :]
    assert [None, None, None] == [read_head(each) for each in (b"x", None, 7)]


def test_the_hook_builds_the_cache(server):
    """The plugin makes a cache of its options; nothing is connected before it is used."""
    made = plugin.credicorp_cache(
        AdapterOptions({"url": "redis://localhost:1", "prefix": "a"}, setting="cache_options")
    )

    assert 1 == plugin.CREDICORP_API
    assert isinstance(made, RedisCache)


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else; looking loads no redis-py."""
    for name in credicorp_auth_redis.__all__:
        assert name == getattr(credicorp_auth_redis, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_redis.elsewhere  # noqa: B018 # the access is the test
    code = "import sys, credicorp_auth_redis.plugin; sys.exit('redis' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
