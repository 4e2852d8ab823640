"""Engines that share a cache: one mint, one cool-down, one order; and caches in trouble."""

from __future__ import annotations

import base64
import threading
import time
from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from attrs import evolve

from credicorp_auth import Secret, errors
from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.engine.storage.lease import HeldLease, NoLease
from credicorp_auth.engine.storage.record import write_cooldown
from credicorp_auth.http.challenge import Verdict
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth.plugin.api import (
    CacheCapabilities,
    FetchedSecret,
    LeaseState,
    SecretSourceCapabilities,
)
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_memory import CacheOptions, MemoryCache
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import (
    ListedSecrets,
    ScriptedTransport,
    SwitchableCache,
    wait_idle,
)
from credicorp_auth_testing.scripted_runtime import response, token_response

URL = "https://as.example/oauth/token"
SEALING = base64.b64encode(b"k" * 32).decode()


class SharedCache(MemoryCache):
    """A cache of one test that its engines share, as another process's would be."""

    def __init__(self, **capabilities):
        super().__init__(CacheOptions())
        self.offers = CacheCapabilities(shared=True, **{"leases": True, **capabilities})
        self.kept = {}
        self.reads = 0
        self.open = threading.Event()
        self.open.set()

    @property
    def capabilities(self):
        """What the test says."""
        return self.offers

    def write(self, key, entry, *, lifetime, number=0, timeout):
        """Keep it, and remember what was given."""
        self.kept[key] = entry
        super().write(key, entry, lifetime=lifetime, number=number, timeout=timeout)

    def read(self, key, *, timeout):
        """Count it, and read once nobody holds it up."""
        self.reads += 1
        self.open.wait(60)
        return super().read(key, timeout=timeout)

    def close(self):
        """Stay open: it is not one engine's."""


@pytest.fixture
def engines():
    """Build engines of one client over one transport and one cache."""
    built = []

    def build(cache, transport, *, client_id="fleet", secrets=None, clock=None, observe=None):
        engine = build_engine(
            Settings(
                base_url="https://as.example",
                client_id=client_id,
                transport=transport,
                cache=cache,
                secrets=secrets or ListedSecrets(),
                observers=[observe] if observe else [],
            ),
            clock=clock,
        )
        built.append(engine)
        return engine

    yield build
    for each in built:
        each.close()
    wait_idle()


def test_engines_that_share_a_cache_mint_once(engines):
    """148: twenty engines that start cold together make one request, and hold one token."""
    cache, transport = SharedCache(), ScriptedTransport()
    fleet = [engines(cache, transport) for _ in range(20)]
    tokens = []
    threads = [
        threading.Thread(target=lambda each=each: tokens.append(each.get_token())) for each in fleet
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert 20 == len(tokens)
    assert {"token-1"} == {each.value.reveal() for each in tokens}
    assert 1 == len(transport.sent)


def test_one_429_quiets_all_who_share_the_cache(engines):
    """A cool-down that one engine was told is obeyed by another, which hears of it from the cache."""
    cache, clock = SharedCache(), MovableClock()
    busy = ScriptedTransport([response(429, [("Retry-After", "200")])])
    with pytest.raises(errors.TokenEndpointBusy):
        engines(cache, busy, client_id="quiet-1", clock=clock).get_token()
    # As in another process, which has nothing but the cache.
    COOLDOWNS.start(endpoint_key(URL, "quiet-1"), 0.0, 0.0)
    COOLDOWNS._until.clear()
    other = ScriptedTransport()
    with pytest.raises(errors.TokenEndpointBusy) as raised:
        engines(cache, other, client_id="quiet-1", clock=clock).get_token()

    assert 190 < raised.value.retry_after <= 200
    assert [] == other.sent


@pytest.mark.parametrize("seconds", [361.0, 86_400.0, 1e9, 1e15])
def test_fault_393_a_cooldown_beyond_reason_quiets_nobody(engines, seconds):
    """393: a record that ends later than any server can ask for is absent, each time it is read."""
    cache, clock, transport = SharedCache(), MovableClock(), ScriptedTransport()
    client = f"poisoned-{seconds}"
    key = endpoint_key(URL, client)
    cache.write(key, write_cooldown(key, clock.wall() + seconds), lifetime=seconds, timeout=5)
    engine = engines(cache, transport, client_id=client, clock=clock)
    engine.get_token("a")
    engine.get_token("b")

    assert (2, 0.0) == (len(transport.sent), COOLDOWNS.until(key))


def test_fault_393_a_cooldown_that_another_wrote_is_heeded_for_300_s(engines):
    """393: a clock that is ahead makes no cooldown longer than a server's own may be."""
    cache, clock, transport = SharedCache(), MovableClock(), ScriptedTransport()
    key = endpoint_key(URL, "ahead")
    cache.write(key, write_cooldown(key, clock.wall() + 350), lifetime=350, timeout=5)
    engine = engines(cache, transport, client_id="ahead", clock=clock)
    with pytest.raises(errors.TokenEndpointBusy) as busy:
        engine.get_token()

    assert (300.0, 0) == (busy.value.retry_after, len(transport.sent))


def test_a_cool_down_is_one_clients(engines):
    """Where the secret source names the client, another client of the same endpoint is not quieted."""
    cache, clock = SharedCache(), MovableClock()
    busy = ScriptedTransport([response(429, [("Retry-After", "200")])])
    with pytest.raises(errors.TokenEndpointBusy):
        engines(
            cache, busy, client_id=None, secrets=ListedSecrets(client_id="one"), clock=clock
        ).get_token()
    COOLDOWNS._until.clear()
    other = ScriptedTransport()
    engines(
        cache, other, client_id=None, secrets=ListedSecrets(client_id="two"), clock=clock
    ).get_token()

    assert 1 == len(other.sent)


def test_a_cool_down_that_is_garbage_is_an_event(engines):
    """Any entry in the place of a cooldown lets the call go on."""
    cache, transport, emitted = SharedCache(), ScriptedTransport(), []
    cache.write(endpoint_key(URL, "fleet"), b"{}", lifetime=60, timeout=5)
    engines(cache, transport, observe=lambda event: emitted.append(event.name)).get_token()

    assert "cache.corrupt" in emitted


def test_the_fleet_reads_the_successor_of_a_rejected_token(engines):
    """After a 401 each engine drops that very token; one mints, the others read what it minted."""
    cache, transport = SharedCache(), ScriptedTransport()
    first, second, third = (engines(cache, transport) for _ in range(3))
    old = [each.get_token() for each in (first, second, third)]
    new = []
    for engine, token in zip((first, second, third), old, strict=True):
        verdict = engine.reports.reject(token, None, "https://as.example:443", first_pause=5.0)
        assert Verdict.DROPPED is verdict
        new.append(engine.get_token().value.reveal())
        wait_idle()

    assert ["token-2"] * 3 == new
    assert 2 == len(transport.sent)


def test_an_overtaken_holder_does_not_overwrite_its_successor(engines):
    """172: what a holder brings that stood still for too long is not written over what is newer."""
    cache, transport = SharedCache(), ScriptedTransport()
    engines(cache, transport).get_token()
    key = next(iter(cache.kept))
    before = cache.read(key, timeout=5)
    lease = cache.lease(key, seconds=3, timeout=5)
    cache.write(
        key, before.replace(b"token-1", b"token-9"), lifetime=60, number=lease.number, timeout=5
    )
    cache.write(key, before, lifetime=60, number=lease.number - 1, timeout=5)

    assert b"token-9" in cache.read(key, timeout=5)


@pytest.mark.parametrize("encryption_key", [Secret(SEALING), "cache_key"])
def test_169_a_sealed_token_cannot_be_seen_in_the_cache(engines, encryption_key):
    """169: with a encryption keys, given or fetched, the cache holds no token, and others still read it."""
    cache, transport = SharedCache(encryption_key=encryption_key), ScriptedTransport()
    secrets = KeyedSecrets()
    token = engines(cache, transport, secrets=secrets).get_token()

    assert token == engines(cache, transport, secrets=secrets).get_token()
    assert 1 == len(transport.sent)
    assert b"token-1" not in b"".join(cache.kept.values())


class KeyedSecrets(ListedSecrets):
    """A source that has a encryption keys as well, while it is there."""

    here = True

    def fetch(self, names, *, timeout):
        """Return the key when that is asked for."""
        if "cache_key" not in names:
            return super().fetch(names, timeout=timeout)
        if not self.here:
            raise errors.SecretUnavailable("sealed", retryable=True)
        return type(super().fetch(["client_secret"], timeout=timeout))(
            {"cache_key": Secret(SEALING)}, "1"
        )


def test_without_its_key_a_sealed_cache_is_in_trouble_and_the_call_is_not(engines):
    """A key that cannot be had leaves the cache unused: nothing is written unencrypted."""
    cache, transport, emitted = SharedCache(encryption_key="cache_key"), ScriptedTransport(), []
    engines(cache, transport, secrets=KeyedSecrets()).get_token()
    written = dict(cache.kept)
    away = KeyedSecrets()
    away.here = False
    other = engines(cache, transport, secrets=away, observe=emitted.append)
    other.get_token()

    assert written == cache.kept
    assert {("open", "secret.unavailable"), ("write", "secret.unavailable")} == {
        (each.fields["verb"], each.fields["code"])
        for each in emitted
        if each.name == "cache.failed"
    }


def test_an_unsealed_entry_is_nobodys_where_entries_are_sealed(engines):
    """Who can write to the cache but has no key cannot slip in a token."""
    plain, transport, emitted = SharedCache(), ScriptedTransport(), []
    engines(plain, transport).get_token()
    encrypted = SharedCache(encryption_key=Secret(SEALING))
    for key, entry in plain.kept.items():
        encrypted.write(key, entry, lifetime=60, timeout=5)

    token = engines(encrypted, transport, observe=emitted.append).get_token()
    assert "token-2" == token.value.reveal()
    assert "it is not encrypted" in [each.fields.get("reason") for each in emitted]


def test_a_sealing_key_needs_a_source_or_a_value(engines):
    """A field of a secret source cannot be named where the secret was given in the settings."""
    with pytest.raises(errors.InvalidSetting, match="no secret source") as raised:
        build_engine(
            Settings(
                client_id="a", client_secret="dummy", cache=SharedCache(encryption_key="cache_key")
            )
        )
    assert "config.encryption_key" == raised.value.code


class StumblingLease:
    """A lease whose renewals say what they are told."""

    state, number = LeaseState.ACQUIRED, 5

    def __init__(self, renewals):
        self.renewals = renewals
        self.renewed = threading.Event()
        self.released = 0

    def renew(self, *, timeout):
        """Give the next answer, or fail."""
        given = self.renewals.pop(0) if self.renewals else True
        if not self.renewals:
            self.renewed.set()
        if isinstance(given, Exception):
            raise given
        return given

    def release(self, *, timeout):
        """Count."""
        self.released += 1


@pytest.mark.slow
@pytest.mark.parametrize("renewals", [[True], [OSError("gone"), True], [False]])
def test_a_lease_is_renewed_while_its_holder_works(engines, renewals):
    """Each second a lease is renewed, through troubles, until it is released or lost; then never again."""
    lease = StumblingLease(renewals)
    cache = SharedCache()
    cache.lease = lambda _key, *, seconds, timeout: lease

    def slow(_request):
        assert lease.renewed.wait(20)
        return token_response()

    engines(cache, ScriptedTransport([slow])).get_token()
    wait_idle()

    assert 1 == lease.released


@pytest.mark.parametrize("trouble", [None, OSError("down")])
def test_a_lease_that_cannot_be_had_stops_nobody(engines, trouble):
    """A cache whose lease fails, or that answers nonsense, costs an event and no token."""

    def lease(_key, *, seconds, timeout):
        if trouble is not None:
            raise trouble

    cache, transport = SharedCache(), ScriptedTransport()
    cache.lease = lease

    assert "token-1" == engines(cache, transport).get_token().value.reveal()


def test_162_a_trouble_is_told_once_a_minute(engines):
    """162: a cache that stays down is told once a minute for each thing it cannot do."""
    cache, transport, emitted, clock = SwitchableCache(), ScriptedTransport(), [], MovableClock()
    cache.down = True
    engine = engines(cache, transport, clock=clock, observe=emitted.append)
    for _ in range(4):
        engine.invalidate(engine.get_token())
        wait_idle()
    failures = [each.fields["verb"] for each in emitted if each.name == "cache.failed"]
    assert ["discard", "read", "write"] == sorted(failures)
    clock.advance(61)
    engine.get_token()

    failures = [each.fields["verb"] for each in emitted if each.name == "cache.failed"]
    assert 5 == len(failures)


def test_fault_411_a_cache_whose_entries_are_damaged_is_told_once_a_minute(engines):
    """411: entries that are damaged again and again are one event a minute, not one for each read."""

    class Damaged(SharedCache):
        def read(self, key, *, timeout):
            super().read(key, timeout=timeout)
            return b"damaged"

    transport, events, clock = ScriptedTransport(), [], MovableClock()
    engine = engines(
        Damaged(), transport, clock=clock, observe=lambda event: events.append(event.name)
    )
    for _ in range(4):
        engine.invalidate(engine.get_token())
        wait_idle()
    first = events.count("cache.corrupt")
    clock.advance(61)
    engine.get_token()

    assert (1, 2) == (first, events.count("cache.corrupt"))


def test_after_a_fork_the_seal_is_renewed_too(engines):
    """In a child the keys of an encrypted cache can be fetched again."""
    cache, transport = SharedCache(encryption_key=Secret(SEALING)), ScriptedTransport()
    engine = engines(cache, transport)
    engine.after_fork()

    assert "token-1" == engine.get_token().value.reveal()


def test_a_late_token_of_a_smaller_number_is_not_held(engines):
    """What comes home after its successor does not take its place, no matter what the clocks say."""
    cache, transport = SharedCache(), ScriptedTransport()
    engine = engines(cache, transport)
    engine.get_token()
    entry = next(iter(engine.entries.all()))
    newer = evolve(entry.held, issuance=entry.held.issuance._replace(number=9))
    older = evolve(entry.held, issuance=entry.held.issuance._replace(number=8))
    entry.hold(newer)
    entry.hold(older)

    assert newer is entry.held


def test_where_nobody_coordinates_there_is_nothing_to_hold():
    """The lease of a cache without leases is neither renewed nor given back."""
    lease = NoLease()
    lease.release(timeout=5)

    assert (LeaseState.FAILED, 0, False) == (lease.state, lease.number, lease.renew(timeout=5))


def test_a_kept_lease_can_be_renewed_by_hand():
    """A held lease says whether it still holds."""
    kept = HeldLease(StumblingLease([True, False]), lambda _verb, call, _expected: call(), 5, 5)

    assert (5, True, False) == (kept.number, kept.renew(timeout=5), kept.renew(timeout=5))


def test_a_secret_that_was_accepted_in_place_of_the_current_one_is_kept(engines):
    """The fallback that a server took is shown first at the next mint."""
    transport = ScriptedTransport([response(401, error="invalid_client")])
    engine = engines(SharedCache(), transport, secrets=Overlapping())
    for _ in range(2):
        engine.invalidate(engine.get_token())
        wait_idle()

    assert ["new", "old", "old"] == [shown(request) for request in transport.sent]


def shown(request):
    """Return the secret that a request carries."""
    return dict(parse_qsl(request.body.reveal().decode()))["client_secret"]


class Overlapping:
    """A source in the middle of a rotation."""

    capabilities = SecretSourceCapabilities(rotates=True)

    def fetch(self, _names, *, timeout):
        """Return the new version, with the old one beside it."""
        new, old = ({"client_secret": Secret(each)} for each in ("new", "old"))
        return FetchedSecret(new, "2", fallback=FetchedSecret(old, "1"))

    def close(self):
        """Nothing is open."""

    def after_fork(self):
        """Nothing belongs to the parent."""


def test_a_longer_cool_down_is_not_cut_short_by_a_shorter_one(engines):
    """Of two cool-downs that two engines were told, the one that ends later stands in the cache."""
    cache, clock, key = SharedCache(), MovableClock(), "c" * 64
    store = engines(cache, ScriptedTransport(), clock=clock)._runtime.cache
    for seconds in (20, 200, 40):
        store.write_cooldown(key, "0" * 32, clock.wall() + seconds)

    assert clock.wall() + 200 == store.read_cooldown(key)


@pytest.mark.parametrize(("skew", "mints"), [(-120.0, 2), (-30.0, 1), (120.0, 1)])
def test_fault_173_hosts_whose_clocks_disagree(engines, skew, mints):
    """173: a token from a host two minutes ahead is not believed; one from a host behind ages faster."""
    cache, transport = SharedCache(), ScriptedTransport(expires_in=600)
    here, there = MovableClock(), MovableClock(wall=1_800_000_000.0 + skew)
    engines(cache, transport, clock=here).get_token()
    read = engines(cache, transport, clock=there).get_token()

    assert mints == len(transport.sent)
    # By the reader's own clock: never more than a whole life, and less where it runs ahead.
    assert 600.0 - max(skew, 0.0) == read.expires_at - there.wall()


def quiet_engine(engines, cache, clock, client_id):
    """Build an engine that was told to leave the endpoint alone, and whose cache holds nothing."""
    busy = ScriptedTransport([response(429, [("Retry-After", "200")])])
    engine = engines(cache, busy, client_id=client_id, clock=clock)
    with pytest.raises(errors.TokenEndpointBusy):
        engine.get_token()
    for key in cache.kept:
        cache.discard(key, timeout=5)
    COOLDOWNS._until.clear()
    return engine, busy


def test_a_host_that_must_leave_the_endpoint_alone_finds_what_another_brings(engines):
    """What keeps one host from the endpoint keeps nobody from a token that lies in the cache."""
    cache, clock = SharedCache(), MovableClock()
    quiet, busy = quiet_engine(engines, cache, clock, "quiet-2")
    other = engines(cache, ScriptedTransport(), client_id="quiet-2", clock=clock)
    minted = other.get_token()

    assert minted == quiet.get_token()
    assert 1 == len(busy.sent)


def test_looks_into_the_cache_are_few(engines):
    """A hundred calls in a cool-down are answered by few looks, and by no request."""
    cache, clock = SharedCache(), MovableClock()
    quiet, busy = quiet_engine(engines, cache, clock, "quiet-3")
    before = cache.reads
    for _ in range(100):
        with pytest.raises(errors.TokenEndpointBusy) as raised:
            quiet.get_token()
        clock.advance(0.1)

    assert 190 < raised.value.retry_after < 191
    assert 5 == cache.reads - before
    assert 1 == len(busy.sent)


def test_who_can_wait_for_the_endpoint_does_not_make_do_with_a_look(engines):
    """A look that is under way is no call for a caller whose deadline outlasts the cool-down."""
    cache, clock = SharedCache(), MovableClock()
    quiet, busy = quiet_engine(engines, cache, clock, "quiet-4")
    clock.advance(195)
    cache.open.clear()

    def ask():
        with suppress(errors.TokenEndpointBusy):
            quiet.get_token(timeout=1)

    look = threading.Thread(target=ask)
    look.start()
    while quiet._calls.find((frozenset(), True)) is None:
        time.sleep(0.001)
    threading.Timer(0.1, cache.open.set).start()

    assert "token-2" == quiet.get_token().value.reveal()
    assert 2 == len(busy.sent)
    look.join()


def test_callers_of_one_moment_share_a_look(engines):
    """A caller that comes while the cache is looked into waits for that read, and for no other."""
    cache, clock = SharedCache(), MovableClock()
    quiet, busy = quiet_engine(engines, cache, clock, "quiet-5")
    other = engines(cache, ScriptedTransport(), client_id="quiet-5", clock=clock)
    minted, before = other.get_token(), cache.reads
    cache.open.clear()
    tokens = []
    threads = [threading.Thread(target=lambda: tokens.append(quiet.get_token())) for _ in range(8)]
    for each in threads:
        each.start()
    key = (frozenset(), True)
    while (look := quiet._calls.find(key)) is None or len(look.waiters) < len(threads):
        time.sleep(0.001)
    cache.open.set()
    for each in threads:
        each.join()

    assert [minted] * 8 == tokens
    assert 1 == cache.reads - before
    assert 1 == len(busy.sent)
