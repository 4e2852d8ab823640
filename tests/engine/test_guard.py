"""A stranger's cache or secret source that hangs: one delay, one thread, two events, then peace."""

from __future__ import annotations

import os
import threading
import time

import pytest

from credicorp_auth import CredicorpAuth, errors
from credicorp_auth.engine.guard import GUARD_THREAD, Guard, Overdue, within
from credicorp_auth.engine.single_flight.thread import running_threads
from credicorp_auth.http.secret import Secret
from credicorp_auth.plugin.api import (
    CacheCapabilities,
    FetchedSecret,
    LeaseState,
    SecretSourceCapabilities,
)
from credicorp_auth_memory import CacheOptions, MemoryCache
from credicorp_auth_testing.contracts.children import in_child
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from credicorp_auth_testing.scripted_runtime import token_response

LONG = 60  # seconds that no test lasts


class Gate:
    """Where a call hangs, once it is shut, until it is opened."""

    def __init__(self):
        self.opened = threading.Event()
        self.shut_for = None
        self.entered = []

    def pass_through(self, verb):
        """Hang here if the gate is shut for that verb."""
        self.entered.append(verb)
        if verb == self.shut_for:
            self.opened.wait(LONG)

    def open(self):
        """Let everybody go on, now and later."""
        self.shut_for = None
        self.opened.set()


class StrangersLease:
    """A lease of the cache below."""

    state, number = LeaseState.ACQUIRED, 1

    def __init__(self, gate):
        self.gate = gate

    def renew(self, *, timeout):
        self.gate.pass_through("renew")
        return True

    def release(self, *, timeout):
        self.gate.pass_through("release")


class StrangersCache:
    """A cache that ignores `timeout`, and hangs in one method."""

    capabilities = CacheCapabilities(shared=True, leases=True)

    def __init__(self, gate):
        self.gate = gate
        self.kept = {}
        self.closed = threading.Event()
        self.forked = 0

    def read(self, key, *, timeout):
        self.gate.pass_through("read")
        return self.kept.get(key)

    def write(self, key, entry, *, lifetime, number=0, timeout):
        self.gate.pass_through("write")
        self.kept[key] = entry

    def discard(self, key, *, expected=None, timeout):
        self.gate.pass_through("discard")
        return self.kept.pop(key, None) is not None

    def lease(self, key, *, seconds, timeout):
        self.gate.pass_through("lease")
        return StrangersLease(self.gate)

    def close(self):
        self.closed.set()

    def after_fork(self):
        self.forked += 1


class StrangersSource:
    """A secret source that ignores `timeout`, and hangs."""

    capabilities = SecretSourceCapabilities(rotates=True, timeout=0.2)

    def __init__(self, gate):
        self.gate = gate
        self.closed = threading.Event()

    def fetch(self, names, *, timeout):
        self.gate.pass_through("fetch")
        return FetchedSecret({"client_secret": Secret("strange")}, "1")

    def close(self):
        self.closed.set()

    def after_fork(self):
        pass


class Events(list):
    """The events of an engine; each can be waited for."""

    def __init__(self):
        super().__init__()
        self.more = threading.Condition()

    def note(self, event):
        """Observe."""
        with self.more:
            self.append(event)
            self.more.notify_all()

    def of(self, name):
        """Return the fields of each event of that name."""
        return [dict(each.fields) for each in list(self) if each.name == name]

    def wait_for(self, name):
        """Wait for such an event, and return its fields."""
        with self.more:
            assert self.more.wait_for(lambda: self.of(name), LONG)
        return self.of(name)[0]


def guard_threads():
    """Return the names of the threads of calls and probes."""
    return [each for each in running_threads() if each.startswith(GUARD_THREAD)]


def wait_for_no_thread():
    """Wait until no call and no probe is under way."""
    until = time.monotonic() + LONG
    while guard_threads() and time.monotonic() < until:
        time.sleep(0.001)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()
    wait_for_no_thread()


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def connect(gate, events):
    """Build a client with a stranger's cache, or with that of the test."""
    made = []

    def build(cache=None, **settings):
        settings = {"client_secret": "s", **settings}
        auth = CredicorpAuth(
            base_url="https://as.example",
            client_id="c",
            transport=settings.pop("transport", None) or ScriptedTransport(),
            cache=cache or StrangersCache(gate),
            cache_timeout=0.2,
            observers=[events.note],
            **settings,
        )
        made.append(auth)
        return auth

    yield build
    for each in made:
        each.close()


def renew(auth):
    """Cause each verb but `renew`: a token is minted, dropped from the cache, and minted again."""
    auth.invalidate(auth.get_token())
    auth.get_token()


@pytest.mark.parametrize("verb", ["read", "lease", "write", "release", "discard"])
def test_fault_480_a_cache_that_hangs_costs_one_delay_and_one_thread(connect, gate, events, verb):
    """480: no call is lost; while it hangs nobody asks it again; it is used once it is well."""
    auth = connect()
    gate.shut_for = verb
    renew(auth)
    events.wait_for("adapter.trouble")
    wait_idle()  # tokens are dropped, and leases released, in the background
    asked = list(gate.entered)

    for _ in range(5):
        renew(auth)

    assert asked == gate.entered
    # A lease may be released while the next token is minted, before the first release is overdue.
    assert 1 <= asked.count(verb) <= 2
    assert asked.count(verb) == len(guard_threads())
    trouble = events.of("adapter.trouble")
    assert [("StrangersCache", "cache", verb)] == [
        (each["adapter"], each["kind"], each["verb"]) for each in trouble
    ]
    assert "has not returned within" in trouble[0]["reason"]

    gate.open()
    recovered = events.wait_for("adapter.recovered")
    assert ("StrangersCache", "cache") == (recovered["adapter"], recovered["kind"])
    del gate.entered[:]
    renew(auth)
    wait_idle()
    assert {"read", "lease", "write", "release", "discard"} == set(gate.entered)


def test_fault_480_a_lease_that_comes_too_late_is_given_back(connect, gate, events):
    """480: nobody holds a lease that was acquired after its caller had gone on without."""
    auth = connect()
    gate.shut_for = "lease"
    renew(auth)
    events.wait_for("adapter.trouble")
    wait_idle()
    del gate.entered[:]

    gate.open()
    events.wait_for("adapter.recovered")

    # A probe has a lease of its own.
    assert gate.entered.count("lease") + 1 == gate.entered.count("release")


def test_fault_480_many_tokens_at_once(connect, gate, events):
    """480: calls that were under way when the cache began to hang, hang; none is begun after them."""
    auth = connect()
    gate.shut_for = "read"
    callers = [
        threading.Thread(target=auth.get_token, kwargs={"scope": f"scope-{number}"})
        for number in range(8)
    ]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    hanging = len(gate.entered)
    for number in range(8, 16):
        auth.get_token(scope=f"scope-{number}")

    assert 1 <= hanging <= 8
    assert ["read"] * hanging == gate.entered
    assert hanging == len(guard_threads())
    assert 1 == len(events.of("adapter.trouble"))


@pytest.mark.slow
def test_fault_480_a_renewal_that_hangs(connect, gate, events):
    """480: the holder of a lease whose renewal hangs gets its token."""

    def slow(_request):
        events.wait_for("adapter.trouble")
        return token_response()

    gate.shut_for = "renew"
    auth = connect(transport=ScriptedTransport([slow]))

    assert auth.get_token()
    assert ["renew"] == [each["verb"] for each in events.of("adapter.trouble")]
    assert 1 == gate.entered.count("renew")


def test_fault_481_a_secret_source_that_hangs_costs_one_delay(connect, gate, events):
    """481: the next callers are emitted at once; it is read again once it is well."""
    gate.shut_for = "fetch"
    auth = connect(client_secret=None, secrets=StrangersSource(gate))
    for _ in range(4):
        with pytest.raises(errors.SecretUnavailable) as caught:
            auth.get_token()
        assert "secret.timeout" == caught.value.code
        assert caught.value.retryable
        assert "StrangersSource" in caught.value.message

    assert 1 == gate.entered.count("fetch")
    assert 1 == len(guard_threads())
    assert ["fetch"] == [each["verb"] for each in events.of("adapter.trouble")]

    gate.open()
    events.wait_for("adapter.recovered")
    assert auth.get_token()


class FailingSource(StrangersSource):
    """A source that fails after as long as it may take; it recovers when the gate is open."""

    capabilities = SecretSourceCapabilities(rotates=True, timeout=1.0)

    def fetch(self, names, *, timeout):
        self.gate.pass_through("fetch")
        if not self.gate.opened.wait(timeout):
            raise errors.SecretUnavailable("the vault is silent", retryable=True)
        raise errors.SecretUnavailable("the vault is sealed", code="secret.denied")


def test_fault_481_a_source_that_keeps_its_limit_is_not_asked_again_either(connect, gate, events):
    """481: its own error is raised first; once it returns in time, what it says is raised."""
    auth = connect(client_secret=None, secrets=FailingSource(gate))
    with pytest.raises(errors.SecretUnavailable, match="the vault is silent"):
        auth.get_token()
    with pytest.raises(errors.SecretUnavailable, match="not been well"):
        auth.get_token()

    gate.open()
    events.wait_for("adapter.recovered")
    with pytest.raises(errors.SecretUnavailable, match="the vault is sealed"):
        auth.get_token()


class SlowCache(StrangersCache):
    """A cache each of whose answers takes a fixed part of the time of a call."""

    pause = 0.15

    def read(self, key, *, timeout):
        threading.Event().wait(self.pause)
        return super().read(key, timeout=timeout)

    def lease(self, key, *, seconds, timeout):
        threading.Event().wait(self.pause)
        return super().lease(key, seconds=seconds, timeout=timeout)


def test_fault_482_slow_answers_use_up_the_time_of_a_call_together(connect, gate, events):
    """482: a cache whose answers are each in time, and together are not, is left alone."""
    cache = SlowCache(gate)
    auth = connect(cache)
    auth.get_token()
    trouble = events.wait_for("adapter.trouble")

    assert "of one call" in trouble["reason"] or "has not returned" in trouble["reason"]
    assert "write" not in gate.entered
    cache.pause = 0
    events.wait_for("adapter.recovered")


def test_fault_483_closing_while_a_call_hangs(connect, gate):
    """483: closing does not wait for it; the call that hung closes the cache when it returns."""
    cache = StrangersCache(gate)
    auth = connect(cache)
    gate.shut_for = "read"
    auth.get_token()
    auth.close()

    assert not cache.closed.is_set()
    gate.open()
    assert cache.closed.wait(LONG)
    wait_for_no_thread()
    assert 1 == gate.entered.count("read")


def test_fault_483_closing_while_a_probe_waits(connect, gate, events):
    """483: the thread that would try the cache again ends."""
    cache = StrangersCache(gate)
    auth = connect(cache)
    gate.shut_for = "write"
    auth.get_token()
    auth.close()
    gate.open()
    wait_for_no_thread()

    assert cache.closed.is_set()
    assert [] == events.of("adapter.recovered")


class NeverClosing(StrangersCache):
    """A cache whose `close` hangs."""

    def close(self):
        self.gate.pass_through("close")


def test_fault_483_a_close_that_hangs(connect, gate):
    """483: closing the client ends all the same."""
    gate.shut_for = "close"
    auth = connect(NeverClosing(gate))
    auth.get_token()
    auth.close()

    assert ["close"] == gate.entered[-1:]
    assert 1 == len(guard_threads())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_fault_484_a_fork_while_a_call_hangs(connect, gate):
    """484: the child has neither the thread nor the trouble: it uses the cache at once."""
    cache = StrangersCache(gate)
    auth = connect(cache)
    gate.shut_for = "read"
    auth.get_token()
    before = len(gate.entered)

    def work():
        gate.shut_for = None
        renew(auth)
        return [] == guard_threads() and len(gate.entered) > before and 1 == cache.forked

    assert in_child(work, seconds=LONG)


def test_the_time_of_a_cache_is_not_a_thread_for_one_in_memory(connect, gate, events):
    """A cache that says that it is local is called on the thread of the call itself."""
    threads = []

    class Local(MemoryCache):
        def read(self, key, *, timeout):
            threads.append(guard_threads())
            return super().read(key, timeout=timeout)

    connect(Local(CacheOptions())).get_token()

    assert threads
    assert [] == [each for each in threads if each]


def test_a_bounded_cache_of_a_stranger_gets_its_room(connect, gate, events):
    """`make_room` waits for nothing, and needs no thread; a cache without it is none that is bounded."""

    class Bounded(StrangersCache):
        capabilities = CacheCapabilities(bounded=True)
        room = 0

        def make_room(self, max_entries):
            self.room = max_entries

        def write(self, key, entry, *, lifetime, timeout):
            super().write(key, entry, lifetime=lifetime, timeout=timeout)

    class NotReally(StrangersCache):
        capabilities = CacheCapabilities(bounded=True)

    cache = Bounded(gate)
    connect(cache, max_entries=77).get_token()
    connect(NotReally(gate))

    assert 77 == cache.room
    assert [] == events.of("cache.failed")


def test_an_error_is_no_trouble(connect, gate, events):
    """What a cache raises at once is emitted as before; the cache is asked again."""

    class Failing(StrangersCache):
        def read(self, key, *, timeout):
            super().read(key, timeout=timeout)
            raise errors.CacheUnavailable("down")

    auth = connect(Failing(gate))
    renew(auth)
    before = gate.entered.count("read")
    renew(auth)

    assert [] == events.of("adapter.trouble")
    assert before < gate.entered.count("read")
    assert ["read"] == [each["verb"] for each in events.of("cache.failed")]


def test_a_builtin_timeout_of_the_adapter_is_its_error(connect, gate, events):
    """A stranger's `TimeoutError` is not taken for the guard's: the adapter has returned."""

    class Impatient(StrangersCache):
        def read(self, key, *, timeout):
            raise TimeoutError

    connect(Impatient(gate)).get_token()

    assert [] == events.of("adapter.trouble")
    assert ["plugin.contract"] == [each["code"] for each in events.of("cache.failed")]


class Notes:
    """A guard, what it emitted, and an adapter that does what the test says."""

    def __init__(self, **pauses):
        self.emitted = []
        self.tries = []
        self.well = True
        self.guard = Guard(
            "it", "cache", probe=self.probe, seconds=lambda: LONG, emit=self.emit, **pauses
        )

    def emit(self, name, **_fields):
        self.emitted.append(name)

    def probe(self, verb):
        self.tries.append(verb)
        if not self.well:
            raise OSError


def without_threads(work):
    """Run a function while no thread can start."""
    usual = threading.stack_size(2**46)
    try:
        return work()
    finally:
        threading.stack_size(usual)


def test_without_threads_calls_run_inline_and_one_tries_after_a_while():
    """Where no thread can start, nothing is guarded, and no trouble lasts for ever."""
    notes, brief = Notes(), Notes(pauses=(0.0,))

    def scene():
        assert 5 == notes.guard.ask("read", lambda: 5, seconds=0.1)
        notes.guard.open("read", "for a test")
        brief.guard.open("read", "for a test")
        return notes.guard.is_open(), brief.guard.is_open()

    assert (True, False) == without_threads(scene)
    assert ["adapter.trouble"] == brief.emitted


def test_a_thread_that_has_tried_often_enough_ends_and_the_next_call_starts_another():
    """The thread that tries a cache does not outlive half a minute; a call brings it back."""
    notes = Notes(pauses=(0.0, 0.0))
    notes.well = False
    notes.guard.open("read", "for a test")
    wait_for_no_thread()
    assert ["read", "read"] == notes.tries

    notes.well = True
    notes.guard.is_open()
    wait_for_no_thread()
    assert ["adapter.trouble", "adapter.recovered"] == notes.emitted
    assert not notes.guard.is_open()


def test_trouble_is_told_once_and_not_after_the_end():
    """A second cause is no second trouble; a closed guard notes none."""
    notes = Notes()
    notes.well = False
    notes.guard.open("read", "one")
    notes.guard.open("write", "another")
    notes.guard.close(lambda: None, seconds=1)
    wait_for_no_thread()
    later = Notes()
    later.guard.close(lambda: None, seconds=1)
    later.guard.open("read", "late")

    assert (["adapter.trouble"], []) == (notes.emitted, later.emitted)


def test_what_a_call_raises_is_raised_in_the_caller():
    """Any exception crosses the threads."""

    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        within(LONG, fail, name="t")


def test_a_call_that_does_not_end_is_overdue():
    """The caller goes on; what it waited for ends on its own thread."""
    opened, ended = threading.Event(), threading.Event()
    with pytest.raises(Overdue):
        within(0.05, lambda: opened.wait(LONG), name="t", then=ended.set)
    assert not ended.is_set()
    opened.set()

    assert ended.wait(LONG)
