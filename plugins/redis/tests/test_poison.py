"""What a hostile or faulty writer leaves in Redis: it costs one mint at most, and no call."""

from __future__ import annotations

import base64
import itertools
import json
import re
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credicorp_auth import CredicorpAuth, Secret
from credicorp_auth.engine.cooldowns import COOLDOWNS
from credicorp_auth.lifecycle.client import endpoint_key
from credicorp_auth_redis.record import build_record
from credicorp_auth_testing.fakes import ScriptedTransport

pytestmark = pytest.mark.slow

BASE_URL = "https://as.example"
TOKEN_URL = f"{BASE_URL}/oauth/token"
SEALING_KEY = Secret(base64.b64encode(b"k" * 32).decode())
DAY = 86_400
CLEAN = 1
"""Mints of five processes, one after another, whose cache nobody has meddled with."""

_CLIENTS = itertools.count()


class Fleet:
    """Processes of one client that share a Redis, and the hand that meddles with it."""

    def __init__(self, servers, server, *, encrypted):
        self.url = server.url
        self.redis = servers.client(server)
        self.encrypted = encrypted
        self.client_id = f"poison-{next(_CLIENTS)}"
        self.transport = ScriptedTransport()
        self.redis.flushall()
        self.call()
        (found,) = (each.decode() for each in self.redis.scan_iter("*}"))
        self.core = re.search(r"\{(\w+)\}", found)[1]
        self.record, self.lease, self.counter = found, f"{found}:lease", f"{found}:number"
        self.quiet_core = endpoint_key(TOKEN_URL, self.client_id)
        self.quiet = found.replace(self.core, self.quiet_core)
        self.sound = self.redis.get(found)
        self.redis.flushall()
        self.transport.calls.clear()

    def build(self):
        """Start a process, which knows nothing but what is in Redis."""
        COOLDOWNS._until.clear()
        options = {"encryption_key": SEALING_KEY} if self.encrypted else {}
        return CredicorpAuth(
            base_url=BASE_URL,
            client_id=self.client_id,
            client_secret="dummy",
            transport=self.transport,
            cache="redis",
            cache_options={"url": self.url, **options},
            cache_timeout=20,  # machines that run tests are busy
        )

    def call(self):
        """Start a process, and let it have a token."""
        auth = self.build()
        try:
            return auth.get_token().value.reveal()
        finally:
            auth.close()

    def mints(self):
        return len(self.transport.calls)

    def head(self, number, written, ends, entry, key=None):
        """Build a record as it lies in Redis, with any content."""
        head = f"credicorp-auth/1 {key or self.core} {number} {written} {ends}\n"
        return head.encode() + entry


@pytest.fixture(scope="module")
def server(make_servers):
    return make_servers.start()


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
def fleet(request, servers, server):
    return Fleet(servers, server, encrypted=request.param)


def now():
    """Return milliseconds since 1970."""
    return int(time.time() * 1000)


def test_the_clean_case(fleet):
    """Five processes, one after another, mint once: this is what poison is measured by."""
    assert 1 == len({fleet.call() for _ in range(5)})
    assert fleet.mints() == CLEAN


LEASES = {
    "an hour": lambda it: it.redis.set(it.lease, "x", ex=3600),
    "for good": lambda it: it.redis.set(it.lease, "x"),
    "as a hash, for an hour": lambda it: (
        it.redis.hset(it.lease, "a", "b"),
        it.redis.expire(it.lease, 3600),
    ),
    "as a list, for good": lambda it: it.redis.rpush(it.lease, "x"),
}
RECORDS = {
    "a number beyond all": lambda it: it.head(9999999999999999, 1, 9999999999999999, b"garbage"),
    "the largest number": lambda it: it.head(2**53 - 1, now(), now() + DAY, b"garbage"),
    "the largest that is believed": lambda it: it.head(2**52 - 1, now(), now() + DAY, b"garbage"),
    "a number of 200 digits": lambda it: it.head("9" * 200, now(), now() + DAY, b"garbage"),
    "another key": lambda it: it.head(2**52 - 1, now(), now() + DAY, b"garbage", key="a" * 64),
    "an end in 300 years": lambda it: it.head(
        2**52 - 1, now(), now() + 300 * 365 * 1000 * DAY, b"garbage"
    ),
    "more than an entry may have": lambda it: it.head(
        2**52 - 1, now(), now() + DAY, b"x" * 300_000
    ),
    "no record": lambda _it: b"\x00\xff" * 100,
    "nothing": lambda _it: b"",
}
COUNTERS = {
    "at the end": lambda it: it.redis.set(it.counter, "9999999999999998"),
    "at the last exact number": lambda it: it.redis.set(it.counter, str(2**53 - 2)),
    "at the last that is believed": lambda it: it.redis.set(it.counter, str(2**52 - 1)),
    "200 digits": lambda it: it.redis.set(it.counter, "9" * 200),
    "garbage": lambda it: it.redis.set(it.counter, b"\xff\x00-1e999"),
    "below nothing": lambda it: it.redis.set(it.counter, "-1"),
    "a hash": lambda it: it.redis.hset(it.counter, "a", "b"),
    "a list": lambda it: it.redis.rpush(it.counter, "7"),
}


def assert_costs_nothing(fleet, *, mints=CLEAN):
    """Five processes have one token, none waits for its deadline, and one mints."""
    began = time.monotonic()
    tokens = {fleet.call() for _ in range(5)}

    # Not a bound on speed: a call that waits for a lease has a deadline of 10 s.
    assert time.monotonic() - began < 10
    assert 1 == len(tokens)
    assert mints == fleet.mints()


@pytest.mark.parametrize("poison", LEASES.values(), ids=LEASES)
def test_fault_378_a_lease_that_never_lapses(fleet, poison):
    """378: it is taken at once, and released as any other."""
    poison(fleet)

    assert_costs_nothing(fleet)
    assert not fleet.redis.exists(fleet.lease)


@pytest.mark.parametrize("ttl", [None, 3600])
@pytest.mark.parametrize("poison", RECORDS.values(), ids=RECORDS)
def test_fault_379_a_record_that_nobody_outranks(fleet, poison, ttl):
    """379: with or without an end, it counts as absent, and the first token takes its place."""
    fleet.redis.set(fleet.record, poison(fleet), ex=ttl)

    assert_costs_nothing(fleet)
    assert 0 < fleet.redis.pttl(fleet.record) <= 3_600_000


def test_fault_379_a_record_that_has_ended_under_a_number_made_up(fleet):
    """379: an old entry that is put back under another head; one that is encrypted still lives."""
    entry = fleet.sound.split(b"\n", 1)[1]
    ended = re.sub(rb'"issued_at":\d+', b'"issued_at":1000000000', entry)
    fleet.redis.set(fleet.record, fleet.head(2**52 - 1, now(), now() + DAY * 1000, ended))

    assert_costs_nothing(fleet, mints=0 if fleet.encrypted else CLEAN)


@pytest.mark.parametrize("kind", ["hash", "list"])
def test_fault_379_another_type_in_the_place_of_a_record(fleet, kind):
    """379: no matter what lies under our key, the first token takes its place."""
    if kind == "hash":
        fleet.redis.hset(fleet.record, "a", "b")
    else:
        fleet.redis.rpush(fleet.record, "a")

    assert_costs_nothing(fleet)
    assert b"string" == fleet.redis.type(fleet.record)


@pytest.mark.parametrize("poison", COUNTERS.values(), ids=COUNTERS)
def test_fault_380_a_counter_that_is_none(fleet, poison):
    """380: numbers start over with the clock, or go on; either way the token is kept and found."""
    poison(fleet)

    assert_costs_nothing(fleet)
    fleet.redis.delete(fleet.record)
    fleet.call()

    assert CLEAN + 1 == fleet.mints()
    assert int(fleet.redis.get(fleet.counter)) <= 2**52


def test_fault_380_numbers_that_begin_anew_do_not_hold_a_newer_token_back(fleet):
    """380: a process that holds a token with a number from before takes the next one."""
    fleet.redis.set(fleet.counter, str(2**52 - 1))
    auth = fleet.build()
    try:
        first = auth.get_token()
        assert auth.get_token() is first
        # The counter has gone over what is believed, so the next number is smaller.
        auth.invalidate(first)
        second = auth.get_token()

        assert second.value != first.value
        assert second.value.reveal() == fleet.call()
    finally:
        auth.close()
    assert CLEAN + 1 == fleet.mints()


@pytest.mark.parametrize("encrypted", [False])
@pytest.mark.parametrize("left", [361.5, 3600.0, 1e12, -5.0])
def test_fault_382_a_cool_down_beyond_bounds(servers, server, encrypted, left):
    """382: nobody heeds one that no server can have asked for, and the next real one replaces it."""
    fleet = Fleet(servers, server, encrypted=encrypted)
    record = {"credicorp_auth": 1, "key": fleet.quiet_core, "cooldown_until": time.time() + left}
    entry = json.dumps(record).encode()
    fleet.redis.set(
        fleet.quiet,
        build_record(fleet.quiet_core, entry, number=0, now=time.time(), lifetime=DAY),
    )

    assert_costs_nothing(fleet)


_NUMBERS = st.one_of(
    st.integers(0, 10**17),
    st.sampled_from([0, 1, 2**52 - 1, 2**52, 2**53 - 1, 2**53, 2**63 - 1, 9999999999999999]),
)
# Past, or an hour ahead: a record that ends between two calls is right to end.
_START = now()
_MOMENTS = st.one_of(
    st.integers(0, 10**17),
    st.integers(-400_000, 0).map(lambda ahead: _START + ahead),
    st.integers(3_600_000, 400_000_000).map(lambda ahead: _START + ahead),
)
_ENTRIES = st.one_of(
    st.binary(max_size=80),
    st.fixed_dictionaries(
        {"issued_at": st.one_of(st.floats(), st.integers()), "number": _NUMBERS},
        optional={"lifetime": st.one_of(st.floats(), st.integers())},
    ),
)
_ENDS = st.one_of(st.none(), st.integers(1, 40), st.integers(3_500, 10**15))


@st.composite
def poisons(draw):
    """Draw what lies under each key: nothing, bytes, a record with any numbers, another type."""
    kinds = st.sampled_from(["absent", "bytes", "number", "record", "hash", "list"])
    parts = (kinds, st.binary(max_size=40), _NUMBERS, _ENDS, _MOMENTS, _MOMENTS, _ENTRIES)
    return {
        name: tuple(draw(each) for each in parts)
        for name in ("record", "lease", "counter", "quiet")
    }


def put(fleet, name, poison):
    """Put a poison under its key."""
    kind, raw, number, ttl, written, ends, entry = poison
    key = getattr(fleet, name)
    if kind == "absent":
        return
    if kind == "hash":
        fleet.redis.hset(key, raw, b"x")
    elif kind == "list":
        fleet.redis.rpush(key, raw)
    elif kind == "record":
        core = fleet.quiet_core if name == "quiet" else fleet.core
        content = fleet.head(number, written, ends, _build_entry(fleet, core, entry), key=core)
        fleet.redis.set(key, content)
    else:
        fleet.redis.set(key, raw if kind == "bytes" else str(number))
    if ttl is not None:
        fleet.redis.pexpire(key, ttl)


def _build_entry(fleet, core, entry):
    if isinstance(entry, bytes):
        return entry
    # The sound entry, with other numbers in it; one that is encrypted cannot be changed.
    sound = fleet.sound.split(b"\n", 1)[1]
    if fleet.encrypted:
        return sound
    members = {**json.loads(sound), **entry, "key": core}
    # What a server may ask for is heeded, no matter who wrote it: see `test_fault_382`.
    members["cooldown_until"] = abs(members["number"]) + time.time() + 400
    return json.dumps(members).encode()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(poison=poisons())
def test_whatever_lies_under_our_keys_costs_one_mint_at_most(fleet, poison):
    """378, 379, 380, 381, 382: a token comes, and the second process reads the first one's."""
    fleet.redis.flushall()
    fleet.transport.calls.clear()
    for name, each in poison.items():
        put(fleet, name, each)
    tokens = {fleet.call(), fleet.call()}

    assert 1 == len(tokens)
    assert fleet.mints() <= CLEAN
