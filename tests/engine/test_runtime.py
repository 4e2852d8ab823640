"""The real runtime: adapters that fail, caches that lie, observers that stumble."""

from __future__ import annotations

import logging
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credicorp_auth import errors
from credicorp_auth.engine.cooldowns import Cooldowns
from credicorp_auth.engine.event_emitter import EventEmitter
from credicorp_auth.engine.storage.credential_cache import CredentialCache
from credicorp_auth.engine.storage.record import (
    CorruptEntry,
    read_stored_token,
    write_stored_token,
)
from credicorp_auth.engine.storage.static_secret import StaticSecret
from credicorp_auth.http.secret import Secret
from credicorp_auth.lifecycle.client import ClientCredentials
from credicorp_auth.lifecycle.runtime import Issuance, StoredToken
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.oauth.token import Grant
from credicorp_auth.plugin.api import FetchedSecret, Provider, SecretSourceCapabilities
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ListedSecrets, wait_idle
from credicorp_auth_testing.scripted_runtime import response, token_response

KEY = "a" * 64
SCOPES = st.sets(st.sampled_from(["a", "b:read", "c.write", "!"])).map(Scope)
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)


def stored(value: str = "token", scope: Scope | None = None, lifetime: float = 3600.0):
    grant = Grant(Secret(value), "Bearer", scope or Scope("a"), lifetime)
    return StoredToken("0" * 32, grant, Issuance(1_800_000_000.25, 7))


@given(value=TOKENS, scope=SCOPES, lifetime=st.floats(1, 86_400))
def test_a_token_survives_the_cache(value, scope, lifetime):
    """What is written into a cache is what is read back."""
    kept = stored(value, scope, lifetime)

    assert kept == read_stored_token(write_stored_token(KEY, kept), KEY, max_lifetime=86_400)


@given(entry=st.binary(max_size=300))
def test_fault_132_bytes_that_are_no_record_are_told_apart(entry):
    """132: random bytes are corrupt, no matter what they are."""
    with pytest.raises(CorruptEntry):
        read_stored_token(entry, KEY, max_lifetime=86_400)


@given(cut=st.integers(0, 400))
def test_a_record_cut_short_is_corrupt(cut):
    """A torn record is never half a token."""
    entry = write_stored_token(KEY, stored())
    with pytest.raises(CorruptEntry):
        read_stored_token(entry[: min(cut, len(entry) - 1)], KEY, max_lifetime=86_400)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"credicorp_auth":1', b'"credicorp_auth":2', id="133: newer schema"),
        pytest.param(b"aaaaaaaa", b"bbbbbbbb", id="134: another key"),
        pytest.param(b'"token"', b'"to ken"', id="a token with a space"),
        pytest.param(b'"token"', b"7", id="a token that is a number"),
        pytest.param(b'"Bearer"', b'"mac"', id="another token type"),
        pytest.param(b'"scope":"a"', b'"scope":"\\u0007"', id="a scope with a bell"),
        pytest.param(b'"scope":"a"', b'"scope":null', id="no scope"),
        pytest.param(b"3600.0", b"-1", id="a negative life"),
        pytest.param(b"3600.0", b"true", id="a life that is true"),
        pytest.param(b"1800000000.25", b'"1"', id="an issue that is text"),
        pytest.param(b"1800000000.25", b"9" * 300, id="an issue beyond all time"),
        pytest.param(b'"number":7', b'"number":true', id="a number that is true"),
        pytest.param(b'"number":7', b'"number":-7', id="a number below nothing"),
        pytest.param(b'"number":7', b'"number":9007199254740992', id="379: a number beyond all"),
        pytest.param(b"3600.0", b"86400.5", id="135, 381: a life that is longer than believed"),
        pytest.param(b"0" * 32, b"0" * 31, id="a short record id"),
    ],
)
def test_a_record_that_was_tampered_with_is_corrupt(old, new):
    """134: a record for another key, of another schema or with a bad member is not used."""
    entry = write_stored_token(KEY, stored())
    assert old in entry
    with pytest.raises(CorruptEntry):
        read_stored_token(entry.replace(old, new), KEY, max_lifetime=86_400)


def test_fault_129_a_record_cannot_lengthen_its_life():
    """129, 135: a record that claims a year is not believed; one that claims a day is."""
    year, day = (
        write_stored_token(KEY, stored(lifetime=each)) for each in (31_536_000.0, 86_400.0)
    )

    with pytest.raises(CorruptEntry):
        read_stored_token(year, KEY, max_lifetime=86_400)
    assert 86_400 == read_stored_token(day, KEY, max_lifetime=86_400).grant.lifetime


def test_a_record_that_is_too_long_is_not_parsed():
    """An entry over 256 KiB is corrupt before it is read."""
    with pytest.raises(CorruptEntry):
        read_stored_token(b" " * (256 * 1024 + 1), KEY, max_lifetime=86_400)


def test_a_corrupt_cache_is_an_event_and_a_miss(stage):
    """132: a corrupt entry costs a mint, and is overwritten."""
    play = stage()
    play.get()
    (key,) = play.cache.entries
    play.cache.entries[key] = b"garbage"
    play.engine._default.drop()

    assert "token-2" == play.get().value.reveal()
    assert "cache.corrupt" in play.events
    assert b"token-2" in play.cache.entries[key]


def test_a_cache_that_breaks_its_contract_is_an_event(stage):
    """336: a cache that returns text instead of bytes has nothing."""
    play = stage()
    play.cache.entries = dict.fromkeys(["x"], "text")
    play.cache.read = lambda _key, *, timeout: "text"

    assert "token-1" == play.get().value.reveal()
    assert "cache.failed" in play.events


def test_a_cache_that_fails_at_discarding_is_an_event(stage):
    """A token is forgotten here even where the cache cannot forget it."""
    play = stage()
    token = play.get()
    play.cache.down = True
    play.engine.invalidate(token)
    wait_idle()

    assert "cache.failed" in play.events
    assert "token-2" == play.get().value.reveal()


def test_a_discard_that_cannot_be_done_is_an_event(stage):
    """Where the source brings the id and fails, the record stays, and that is told."""
    play = stage(client_id=None, secrets=["one", "one", errors.SecretUnavailable("sealed")])
    token = play.get()
    play.clock.advance(301)
    play.secrets.secrets.popleft()
    play.engine.invalidate(token)
    wait_idle()

    assert "cache.failed" in play.events


def test_a_token_in_the_cache_lives_as_long_as_it_has_left(stage):
    """A cache entry's lifetime is what the token has left, not what it was issued with."""
    play = stage([lambda _request: (play.clock.advance(5), token_response())[1]])
    play.get()

    assert [3595.0] == list(play.cache.lifetimes.values())


def test_an_observer_that_stumbles_disturbs_nobody(stage, caplog):
    """An observer's exception is logged with the observer, its type and its place, and the call goes on."""

    def stumble(_event):
        message = "hunter2"
        raise RuntimeError(message)

    play = stage(observers=[stumble])
    with caplog.at_level(logging.DEBUG, "credicorp_auth"):
        assert "token-1" == play.get().value.reveal()

    named = "test_an_observer_that_stumbles_disturbs_nobody.<locals>.stumble"
    assert (
        f"observer.failed observer='{named}' raised='RuntimeError' at='{__file__}:" in caplog.text
    )
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(("level", "observed", "searches"), [(10, 0, 1), (20, 1, 1), (20, 0, 0)])
def test_an_event_that_nobody_hears_costs_no_search_for_secrets(caplog, level, observed, searches):
    """A flood of bad tokens, each an event, is as cheap as it was before events were scrubbed."""
    searched, heard = [], []

    def look():
        searched.append(1)
        return (Secret("hunter2-canary"),)

    with caplog.at_level(level, logger="credicorp_auth"):
        EventEmitter([heard.append] * observed, look).emit("token.refused", code="hunter2-canary")

    assert (searches, observed) == (len(searched), len(heard))
    assert "hunter2" not in caplog.text + str(heard)


def test_what_is_true_of_every_token_is_said_once(stage):
    """049, 052: an endpoint that states no lifetime is told of once, not with every token."""
    play = stage([token_response(expires_in=None), token_response(expires_in=None)])
    play.get()
    play.get("other")

    assert 1 == play.events.count("token.expiry_assumed")


def test_a_token_that_arrives_late_serves_once_and_starts_a_pause(stage):
    """A token inside its mandatory window serves its call; the endpoint is then left alone."""
    slow = [lambda _request: (play.clock.advance(4.8), token_response("late", expires_in=5))[1]]
    play = stage(slow)
    token = play.get()

    assert "late" == token.value.reveal()
    assert "late" == play.get().value.reveal()
    assert 1 == play.mints
    play.clock.advance(0.3)
    assert "token-2" == play.get().value.reveal()
    assert 1 <= len(play.clock.waited)


def test_mint_times_are_smoothed(stage):
    """One slow mint moves the lead a little; it does not decide it."""

    def slow(_request):
        play.clock.advance(20)
        return token_response(expires_in=100)

    play = stage(expires_in=100, timeout=60)
    play.get()
    play.transport.responses.append(slow)
    play.clock.advance(100)
    play.get()

    # 0.3 of 20 s is 6 s: twice that is less than a quarter of the life.
    assert 70 <= play.engine._default.held.windows.advisory <= 75


def test_a_remembered_refusal_is_looked_at_in_growing_intervals(stage):
    """A wrong secret costs one POST a minute and a few looks at the source."""
    play = stage([response(401, error="invalid_client")] * 9)
    for _ in range(60):
        with pytest.raises(errors.InvalidClient):
            play.get()
        play.clock.advance(1.0)

    assert 1 == play.mints
    # 0, 1, 2, 4, 8, 16, 30 s: seven looks in the first minute, and the two reads of the refusal.
    assert 7 <= play.calls.count("fetch") <= 9


def test_a_corrected_secret_works_at_once(stage):
    """80: the first call after the operator corrected the secret succeeds."""
    play = stage([response(401, error="invalid_client")], secrets=["wrong", "wrong", "right"])
    with pytest.raises(errors.InvalidClient):
        play.get()

    assert "token-2" == play.get().value.reveal()


def test_forgetting_secrets_lifts_the_refusal(stage):
    """After forget_secrets the next mint reads the source and asks the endpoint."""
    play = stage([response(401, error="invalid_client")])
    with pytest.raises(errors.InvalidClient):
        play.get()
    play.engine.forget_secrets()

    assert "token-2" == play.get().value.reveal()


def test_a_refused_client_is_refused_for_every_scope(stage):
    """A wrong secret is wrong for all scopes: one POST for all of them."""
    play = stage([response(401, error="invalid_client")])
    for scope in (None, "a", "b"):
        with pytest.raises(errors.InvalidClient):
            play.get(scope)

    assert 1 == play.mints


@pytest.mark.parametrize(
    ("refusal", "mints"),
    [(response(401), 1), (response(403), 1), (response(401, error="access_denied"), 1), (response(403, error="access_denied"), 2), (response(400, error="unauthorized_client"), 2)],
    ids=["401", "403", "401-access_denied", "403-access_denied", "400-unauthorized_client"],
)  # fmt: skip
def test_fault_394_a_refusal_is_remembered_for_the_client_or_for_its_key(stage, refusal, mints):
    """394: a refused client asks for nothing else for a minute; a refused scope stands alone."""
    play = stage([refusal, token_response()])
    for _ in range(50):
        with pytest.raises(errors.CredicorpAuthError) as raised:
            play.get("too:much")
    assert 1 == play.mints
    try:
        play.get("decisions:read")
    except errors.CredicorpAuthError as error:
        assert raised.value.code == error.code
    assert mints == play.mints
    play.clock.advance(60)

    assert play.get("too:much").value.reveal().startswith("token-")


def test_a_refused_scope_is_refused_alone(stage):
    """A scope that is not granted says nothing of the others."""
    play = stage([response(400, error="invalid_scope")])
    with pytest.raises(errors.InvalidScope):
        play.get("too:much")

    assert "token-2" == play.get("decisions:read").value.reveal()


@pytest.mark.parametrize(
    "refusal",
    [response(401, error="invalid_client"), response(401), response(403)],
    ids=["invalid_client", "401", "403"],
)
def test_a_refused_client_is_told_near_expiry_although_the_token_lives(stage, refusal):
    """A client that is shut out after its secret was read again hears so while it can act."""
    play = stage([token_response(), refusal])
    play.get()
    play.clock.advance(3571)
    emitted = []
    for _ in range(2):
        with pytest.raises(errors.CredicorpAuthError) as raised:
            play.get()
        emitted.append(raised.value.code)

    assert (emitted[0], 2) == (emitted[1], play.mints)


@pytest.mark.parametrize(
    "failure",
    [
        response(400, error="invalid_scope"),
        response(400, error="unauthorized_client"),
        response(403, error="access_denied"),
        response(404),
        response(200, scope="less"),
        response(200),
        errors.TlsFailed("expired"),
        errors.SecretUnavailable("sealed"),
        ValueError("an adapter that breaks"),
    ],
    ids=["scope", "grant", "403", "404", "narrowed", "malformed", "tls", "secret", "adapter"],
)
def test_any_other_failure_near_expiry_leaves_the_living_token_in_use(stage, failure):
    """In the mandatory window a living token is handed out, no matter what the failure is."""
    play = stage([token_response(), *[failure] * 3], scope="more")
    play.get()
    play.clock.advance(3571)

    assert ["token-1"] * 3 == [play.get().value.reveal() for _ in range(3)]
    assert "refresh.deferred" in play.events


def test_a_refusal_in_the_advisory_window_is_not_hammered(stage):
    """While the old token serves, a refused refresh costs one POST a minute at most."""
    play = stage([token_response(), *[response(400, error="invalid_scope")] * 9])
    play.get()
    play.clock.advance(3310)
    for _ in range(100):
        play.get()
        play.clock.advance(1.0)

    assert 2 <= play.mints <= 4


def test_a_living_token_is_handed_out_while_the_endpoint_is_quiet(stage):
    """In the mandatory window a cool-down is not waited for while the old token lives."""
    play = stage([token_response(), response(429, [("Retry-After", "15")])])
    play.get()
    play.clock.advance(3571)

    assert ["token-1"] * 5 == [play.get().value.reveal() for _ in range(5)]
    assert 2 == play.mints
    assert [] == play.clock.waited


def test_cool_downs_that_are_over_make_room():
    """The table of cool-downs forgets those that ended when it is full."""
    cooldowns = Cooldowns()
    for number in range(1024):
        cooldowns.start(f"old-{number}", until=1.0, now=0.0)
    cooldowns.start("new", until=9.0, now=2.0)
    cooldowns.start("new", until=5.0, now=2.0)

    assert (9.0, 0.0) == (cooldowns.until("new"), cooldowns.until("old-1"))


def test_fault_385_a_cool_down_that_lasts_is_never_dropped():
    """385: more clients than the table looks at are all left alone for as long as they were asked for."""
    cooldowns = Cooldowns()
    for number in range(5000):
        cooldowns.start(f"client-{number}", until=9.0, now=0.0)
    assert 9.0 == min(cooldowns.until(f"client-{number}") for number in range(5000))
    for number in range(5000):
        cooldowns.start(f"later-{number}", until=20.0, now=10.0)

    assert 0.0 == cooldowns.until("client-0")
    assert len(cooldowns._until) < 10_000


# --- the secret keeper ---------------------------------------------------------------------------


class Expiring:
    """A source whose records expire after a minute."""

    capabilities = SecretSourceCapabilities(rotates=True)

    def __init__(self, clock):
        self.clock = clock
        self.reads = 0

    def fetch(self, names, *, timeout):
        """Return the next version, with a minute to live."""
        self.reads += 1
        fields = {name: Secret(f"{name}-{self.reads}") for name in names}
        return FetchedSecret(fields, str(self.reads), expires_at=self.clock.wall() + 60)


@pytest.mark.parametrize(("advance", "reads"), [(0, 1), (29, 1), (60, 2)])
def test_a_secret_is_kept_no_longer_than_its_source_allows(advance, reads):
    """A record that states an expiry is read again after it."""
    clock = MovableClock()
    source = Expiring(clock)
    credential_cache = CredentialCache(source, Provider("expiring"), None, clock)
    credential_cache.fetch(past_cache=False)
    clock.advance(advance)
    credentials = credential_cache.fetch(past_cache=False)
    wait_idle()

    assert (reads, f"client_id-{reads}") == (source.reads, credentials.client_id)


def test_a_secret_near_its_end_is_read_again_beside_the_flight():
    """Shortly before its expiry the kept secret still serves, and the next one is fetched aside."""
    clock = MovableClock()
    credential_cache = CredentialCache(Expiring(clock), Provider("expiring"), None, clock)
    credential_cache.fetch(past_cache=False)
    clock.advance(31)
    serving = credential_cache.fetch(past_cache=False)
    wait_idle()

    assert "client_id-1" == serving.client_id
    assert "client_id-2" == credential_cache.fetch(past_cache=False).client_id


class Hinting(Expiring):
    """A source whose records say to look again after 20 s, and cannot be read for a while then."""

    def fetch(self, names, *, timeout):
        """Return the next version; raise if the source is down."""
        self.reads += 1
        if self.reads == 2:
            raise errors.SecretUnavailable("sealed", retryable=True)
        fields = {name: Secret(f"{name}-{self.reads}") for name in names}
        return FetchedSecret(fields, str(self.reads), refresh_at=self.clock.wall() + 20)


def test_fault_442_a_hint_ends_nothing():
    """442: past its hint a secret is read again aside, and serves on if that fails."""
    clock = MovableClock()
    source = Hinting(clock)
    credential_cache = CredentialCache(source, Provider("hinting"), None, clock)
    served = []
    for seconds in (0, 19, 2, 31, 0):
        clock.advance(seconds)
        served.append(credential_cache.fetch(past_cache=False).client_id)
        wait_idle()

    assert ["client_id-1"] * 4 + ["client_id-3"] == served
    assert 3 == source.reads


def test_fault_203_a_secret_is_kept_for_five_minutes():
    """203: after five minutes in memory, or when it is forgotten, the source is read again."""
    clock, calls = MovableClock(), []
    credential_cache = CredentialCache(
        ListedSecrets(calls=calls), Provider("list"), "client", clock
    )
    for seconds in (149, 0, 301, 0):
        credential_cache.fetch(past_cache=False)
        clock.advance(seconds)
    credential_cache.forget()
    credential_cache.fetch(past_cache=False)
    wait_idle()

    assert 3 == len(calls)


def test_an_old_secret_is_read_again_beside_the_flight():
    """From half of its time on, a kept secret serves while one reading looks for a newer one."""
    clock = MovableClock()
    credential_cache = CredentialCache(
        ListedSecrets(("old", "new")), Provider("list"), "client", clock
    )
    credential_cache.fetch(past_cache=False)
    clock.advance(151)
    served = credential_cache.fetch(past_cache=False).version
    wait_idle()

    assert ("old", "new") == (served, credential_cache.fetch(past_cache=False).version)


def test_a_secret_that_never_rotates_is_not_looked_after():
    """A source that declares no rotation is not read beside a call."""
    clock, calls = MovableClock(), []
    source = ListedSecrets(("given",), calls=calls)
    source.capabilities = SecretSourceCapabilities()
    credential_cache = CredentialCache(source, Provider("list"), "client", clock)
    for _ in range(2):
        credential_cache.fetch(past_cache=False)
        clock.advance(151)
        wait_idle()

    assert 1 == len(calls)


@pytest.mark.parametrize(
    ("error", "advance", "outcome"),
    [
        (errors.SecretUnavailable("sealed", retryable=True), 301, "secret-1"),
        (errors.SecretUnavailable("sealed", retryable=True), 3601, "secret.unavailable"),
        (errors.SecretUnavailable("gone", code="secret.missing"), 301, "secret.missing"),
    ],
)
def test_a_source_that_is_away_leaves_the_secret_in_force(error, advance, outcome):
    """A source that cannot be read for now is made do without, for an hour; one that says no is believed."""
    clock, emitted, calls = MovableClock(), [], []
    source = ListedSecrets(("secret-1", error), calls=calls)
    credential_cache = CredentialCache(source, Provider("list"), "client", clock)
    credential_cache.emit = lambda name, **_fields: emitted.append(name)
    credential_cache.fetch(past_cache=False)
    clock.advance(advance)
    for _ in range(3):
        try:
            came = credential_cache.fetch(past_cache=False).version
        except errors.SecretUnavailable as raised:
            came = raised.code

    assert outcome == came
    stale = outcome == "secret-1"
    assert (1 if stale else 0, 2 if stale else 4) == (emitted.count("secret.stale"), len(calls))


def test_reading_ahead_fails_as_an_event():
    """Nobody hears of a reading ahead that failed but the log, and it is not repeated at once."""
    clock, emitted, calls = MovableClock(), [], []
    source = ListedSecrets(("secret-1", errors.SecretUnavailable("sealed")), calls=calls)
    credential_cache = CredentialCache(source, Provider("list"), "client", clock)
    credential_cache.fetch(past_cache=False)
    credential_cache.emit = lambda name, **_fields: emitted.append(name)
    clock.advance(151)
    for _ in range(5):
        assert "secret-1" == credential_cache.fetch(past_cache=False).version
        wait_idle()

    assert (["secret.stale"], 2) == (emitted, len(calls))


def test_fault_377_a_secret_is_read_in_time_where_no_thread_can_read_ahead():
    """Where no thread can start, the call that finds the secret too old reads it, and not later."""
    clock = MovableClock()
    credential_cache = CredentialCache(
        ListedSecrets(("old", "new")), Provider("list"), "client", clock
    )
    credential_cache.fetch(past_cache=False)
    usual = threading.stack_size(2**47)
    try:
        clock.advance(290)
        served = credential_cache.fetch(past_cache=False).version
        clock.advance(11)
        assert ("old", "new") == (served, credential_cache.fetch(past_cache=False).version)
    finally:
        threading.stack_size(usual)


class Gated:
    """A source whose second reading waits until it is let go."""

    capabilities = SecretSourceCapabilities(rotates=True)

    def __init__(self):
        self.reads = 0
        self.reading, self.go = threading.Event(), threading.Event()

    def fetch(self, names, *, timeout):
        """Return the version it had when it was asked."""
        self.reads += 1
        version = str(self.reads)
        if self.reads == 2:
            self.reading.set()
            self.go.wait(10)
        return FetchedSecret({name: Secret(f"{name}-{version}") for name in names}, version)


def test_what_was_being_read_when_all_was_forgotten_is_not_kept():
    """A leaked secret that is just being read when it is forgotten serves its call and no other."""
    source = Gated()
    credential_cache = CredentialCache(source, Provider("gated"), "client", MovableClock())
    credential_cache.fetch(past_cache=False)
    reader = threading.Thread(target=lambda: credential_cache.fetch(past_cache=True))
    reader.start()
    source.reading.wait(10)
    credential_cache.forget()
    source.go.set()
    reader.join()

    assert "3" == credential_cache.fetch(past_cache=False).version


@pytest.mark.parametrize(("past_cache", "reads"), [(True, 3), (False, 2)])
def test_fault_201_a_slow_source_is_read_once_for_all_who_wait(past_cache, reads):
    """
    201: callers that ask while nothing is cached and a reading is under way take its result.

    Past the cache they take that of the one after it, since theirs may have begun too early.
    """
    source = Gated()
    credential_cache = CredentialCache(source, Provider("gated"), "client", MovableClock())
    credential_cache.fetch(past_cache=False)
    credential_cache.forget()
    first = threading.Thread(target=lambda: credential_cache.fetch(past_cache=past_cache))
    first.start()
    source.reading.wait(10)
    versions = []
    others = [
        threading.Thread(
            target=lambda: versions.append(credential_cache.fetch(past_cache=past_cache).version)
        )
        for _ in range(20)
    ]
    for each in others:
        each.start()
    time.sleep(0.3)  # until all of them wait for their turn
    source.go.set()
    for each in (first, *others):
        each.join()

    assert ({str(reads)}, reads) == (set(versions), source.reads)


def test_a_version_that_was_accepted_instead_is_kept():
    """A fallback that the server accepts serves until the source is read again."""
    clock = MovableClock()
    credential_cache = CredentialCache(ListedSecrets(("new",)), Provider("list"), "client", clock)
    new = credential_cache.fetch(past_cache=False)
    old = ClientCredentials("client", Secret("old"), "old")
    credential_cache.accept_version(new)
    assert new is credential_cache.fetch(past_cache=False)
    credential_cache.accept_version(old)
    kept = credential_cache.fetch(past_cache=False)

    assert ("old", "new") == (kept.version, kept.fallback.version)
    clock.advance(301)
    assert "new" == credential_cache.fetch(past_cache=False).version
    credential_cache.forget()
    credential_cache.accept_version(old)
    assert "new" == credential_cache.fetch(past_cache=False).version


class Careless:
    """A source that returns what it is told to."""

    capabilities = SecretSourceCapabilities()

    def __init__(self, gives):
        self.gives = gives

    def fetch(self, _names, *, timeout):
        """Return, or raise, what it was made with."""
        if isinstance(self.gives, Exception):
            raise self.gives
        return self.gives


@pytest.mark.parametrize(
    ("gives", "code"),
    [
        (FetchedSecret({}, "1"), "secret.missing"),
        (FetchedSecret({"client_secret": Secret(" \n")}, "1"), "secret.empty"),
        (FetchedSecret({"client_secret": "hunter2"}, "1"), "secret.empty"),
        (RuntimeError("hunter2"), "secret.plugin_error"),
        ("hunter2", "secret.plugin_error"),
        (errors.SecretUnavailable("sealed"), "secret.unavailable"),
    ],
)
def test_a_source_that_has_no_secret_is_told_apart(gives, code):
    """180, 181, 202: missing, empty and broken differ, and none of them shows the value."""
    credential_cache = CredentialCache(
        Careless(gives), Provider("careless"), "client", MovableClock()
    )
    with pytest.raises(errors.SecretUnavailable) as raised:
        credential_cache.fetch(past_cache=False)

    assert code == raised.value.code
    assert "hunter2" not in str(raised.value)
    cause = raised.value.__cause__
    assert ("RuntimeError" if isinstance(gives, RuntimeError) else None) == (cause and cause.raised)
    assert raised.value.__context__ in {None, cause}


def test_a_given_secret_is_always_the_same_version():
    """A secret from the settings never rotates."""
    given_secret = StaticSecret(Secret("s"))
    given_secret.after_fork()
    given_secret.close()

    assert given_secret.fetch(["client_secret"], timeout=5) == given_secret.fetch(
        ["client_secret"], timeout=5
    )
    assert not given_secret.capabilities.rotates


def test_a_closed_engine_stays_closed_in_a_child(stage):
    """A fork renews locks and sockets, and opens nothing that was closed."""
    play = stage()
    play.get()
    play.engine.close()
    play.engine.after_fork()

    with pytest.raises(errors.Closed):
        play.get()
