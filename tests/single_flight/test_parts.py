"""Cell, gate, crew and calls, each by itself."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections import deque

import pytest
from policies import Document, Tokens

from credicorp_auth import CredicorpAuth, Scope, Settings, errors
from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.fork import _renew_all
from credicorp_auth.engine.second_chance import SecondChanceTable
from credicorp_auth.engine.single_flight.cached_document import NoFetch
from credicorp_auth.engine.single_flight.calls import SingleFlight
from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.engine.single_flight.driver import drive
from credicorp_auth.engine.single_flight.gate import Gate
from credicorp_auth.engine.single_flight.in_flight import InFlightCall, Mark
from credicorp_auth.engine.single_flight.shared_question import obtain_shared
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, _wake_after_fork
from credicorp_auth.engine.tokens.token_entries import TokenEntries
from credicorp_auth.plugin.api.late_lock import LateLock
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import ScriptedTransport, wait_idle
from forks import holds_in_a_child


def test_who_comes_second_does_not_replace():
    """Of two who saw one version, the first replaces it; an update of the second tries again."""
    cell = Cell(1)
    seen = cell.newest()
    values = iter([5])

    def add(value):
        for other in values:
            assert cell.swap(seen, other)  # another comes in between
        return value + 1

    assert (5, 6) == cell.update(add)
    assert not cell.swap(seen, 7)
    assert 6 == cell.get()
    assert (6, 6) == cell.update(lambda value: value)


def test_a_cell_counts_right_under_threads():
    """No update is lost."""
    cell = Cell(0)

    def work():
        for _ in range(500):
            cell.update(lambda value: value + 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4000 == cell.get()


def test_a_gate_lets_everyone_through_once_it_is_open():
    """A wait ends when the gate is opened, and is none afterwards; it may be opened twice."""
    gate = Gate()
    assert not gate.wait(0.0)
    waiting = threading.Thread(target=gate.wait, args=(60,))
    waiting.start()
    while not gate._waiters:
        time.sleep(0.001)
    gate.open()
    gate.open()
    waiting.join()

    assert gate.wait(60)


def test_a_sleeping_thread_is_awake_in_a_forked_child():
    """A signal handler that forks leaves its thread asleep in the child, where nobody would wake it."""
    waiter = ThreadWaiter()
    sleeping = threading.Thread(target=waiter.wait, args=(60,))
    sleeping.start()
    while sleeping.is_alive():
        _wake_after_fork()
    sleeping.join()


def make_calls(clock=None, *, limit=None, lost=None):
    """Make a single flight that keeps nothing."""
    lost = [] if lost is None else lost
    return SingleFlight(
        "test", clock or Clock(), 10, keep=lambda _call, outcome: outcome, note_lost=lost.append, limit=limit
    )  # fmt: skip


def nothing():
    """Find nothing instead."""


def test_a_call_that_crashes_is_an_error_for_those_who_wait():
    """What a call raises is raised where it runs, and its waiters get an error of ours at once."""
    calls, gate, hooked = make_calls(), threading.Event(), []

    def crash(_call):
        gate.wait(60)
        raise ValueError("of no interest")

    before, threading.excepthook = threading.excepthook, hooked.append
    unraisable, sys.unraisablehook = sys.unraisablehook, hooked.append
    try:
        call = calls.join("key", crash, nothing)
        assert call is calls.join("key", crash, nothing)
        gate.set()
        wait_idle()
    finally:
        threading.excepthook, sys.unraisablehook = before, unraisable

    assert "single_flight.crashed" == call.outcome.code
    assert calls.find("key") is None


def test_a_lost_call_is_replaced_and_told():
    """Past its deadline a call is replaced by the next who joins; its late outcome changes nothing."""
    clock, lost, gate = MovableClock(), [], threading.Event()
    calls = make_calls(clock, lost=lost)
    first = calls.join("key", lambda _call: gate.wait(60) and "late", nothing)
    clock.advance(11)
    second = calls.join("key", lambda _call: "in time", nothing)
    gate.set()
    wait_idle()

    assert ["key"] == lost
    assert ("late", "in time") == (first.outcome, second.outcome)
    assert first.mark.is_forgotten
    assert not second.mark.is_forgotten


def test_an_orphan_is_dismissed_once():
    """A call of the parent is no call of the child, and is told once."""
    orphaned, gate = [], threading.Event()
    calls = SingleFlight(
        "test", Clock(), 10, keep=lambda _call, outcome: outcome, note_orphaned=orphaned.append
    )
    first = calls.join("key", lambda _call: gate.wait(60), nothing)
    _renew_all()
    calls._dismiss("key", first)
    calls._dismiss("key", first)
    second = calls.join("key", lambda _call: "mine", nothing)
    gate.set()
    wait_idle()

    assert ["key"] == orphaned
    assert "mine" == second.outcome


def test_a_crew_takes_the_permit_of_a_call_that_hangs():
    """A call past its deadline keeps no other from being made, and its thread ends when it returns."""
    clock, gate = MovableClock(), threading.Event()
    calls = make_calls(clock, limit=1)
    calls.join("hangs", lambda _call: gate.wait(60), nothing)
    while not calls._crews._current().running:
        time.sleep(0.001)
    queued = calls.join("queued", lambda _call: "done", nothing)
    assert not queued.is_over
    clock.advance(11)
    third = calls.join("third", lambda _call: "done", nothing)
    while not third.is_over:
        time.sleep(0.001)
    gate.set()
    wait_idle()

    assert "done" == third.outcome
    assert len(calls._crews._current().permits) == 1


def test_a_child_has_a_crew_of_its_own():
    """Threads of the parent's crew are not there in the child: its permits are all free."""
    gate = threading.Event()
    calls = make_calls(limit=1)
    calls.join("parents", lambda _call: gate.wait(60), nothing)
    _renew_all()
    mine = calls.join("mine", lambda _call: "done", nothing)
    while not mine.is_over:
        time.sleep(0.001)
    gate.set()
    wait_idle()

    assert "done" == mine.outcome
    assert 1 == len(calls._crews._by_generation)


def test_a_question_whose_call_is_lost_is_asked_again():
    """A caller with time left does not wait for a call that was forgotten by the clock."""
    clock = MovableClock()
    calls = make_calls(clock, limit=2)
    gate = threading.Event()
    calls.join(b"key", lambda _call: gate.wait(60), nothing)
    clock.advance(5)
    protocol = obtain_shared(calls, clock.boot, b"key", lambda _deadline: "mine")
    next(protocol)
    clock.advance(6)  # the call is lost, and this caller has four seconds left
    call, _ = next(protocol)
    while not call.is_over:
        time.sleep(0.001)
    with pytest.raises(StopIteration) as stopped:
        next(protocol)
    gate.set()
    wait_idle()

    assert "mine" == stopped.value.value


def test_a_newer_document_is_looked_at_before_another_is_fetched():
    """Who missed a name in a document that has been replaced since fetches nothing."""
    subject = Document()
    before = subject.document.state()
    subject.get()

    assert NoFetch.NEWER is subject.document.join(sought="name", seen=before)
    assert isinstance(subject.document.join(sought="name"), InFlightCall)
    wait_idle()
    subject.close()
    assert NoFetch.NOT_ALLOWED is subject.document.join(sought="another")
    with pytest.raises(errors.DeadlinePassed):
        Document(timeout=0.0).document.obtain(0.0)


def test_a_protocol_that_waits_for_nothing_is_driven_to_its_end():
    """A generator that returns at once is a result."""

    def protocol():
        return 7
        yield

    assert 7 == drive(protocol())


def test_a_lock_that_is_held_across_a_fork_is_free_in_the_child():
    """What waits for something under a lock of this kind leaves nobody locked out in a child."""
    lock = LateLock()
    with lock.current():
        assert holds_in_a_child(lambda: lock.current().acquire(timeout=5))
        assert lock.current().locked()


def test_who_is_interrupted_while_starting_a_call_starts_it_then():
    """A nested caller finds the call published and not started: it starts it, and waits for it."""
    found = []
    calls = SingleFlight(
        "test",
        MovableClock(),
        10,
        keep=lambda _call, outcome: outcome,
        # Called between publishing a call and starting it.
        note_lost=lambda key: found.append(calls.join(key, nothing, nothing)),
    )
    gate = threading.Event()
    calls.join("key", lambda _call: gate.wait(60), nothing)
    calls._boot = lambda: 2_000.0
    second = calls.join("key", lambda _call: "once", nothing)
    gate.set()
    wait_idle()

    assert [second] == found
    assert "once" == second.outcome


def test_a_call_whose_starter_is_interrupted_is_waited_for_by_nobody():
    """An interrupt between publishing a call and starting it ends the call."""

    def interrupt(_key):
        raise KeyboardInterrupt

    calls = SingleFlight(
        "test", MovableClock(), 10, keep=lambda _call, outcome: outcome, note_lost=interrupt
    )
    gate = threading.Event()
    calls.join("key", lambda _call: gate.wait(60), nothing)
    calls._boot = lambda: 2_000.0
    with pytest.raises(KeyboardInterrupt):
        calls.join("key", lambda _call: "never", nothing)
    assert calls.find("key") is None
    gate.set()
    wait_idle()


def test_an_interrupt_before_a_call_is_published_ends_no_other():
    """An interrupt before the swap leaves the call of the one who came first."""
    calls = make_calls()
    gate = threading.Event()
    first = calls.join("key", lambda _call: gate.wait(60) and "first", nothing)
    stale = calls._calls.newest()
    orphan = InFlightCall(first.mark, lambda _call: "never", 0.0, 10.0)
    calls._start = lambda _call: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        calls._launch(stale, "other", orphan, None)
    with pytest.raises(KeyboardInterrupt):
        calls._launch(calls._calls.newest(), "third", orphan, None)
    gate.set()
    wait_idle()

    assert "first" == first.outcome


def test_a_nested_call_that_is_first_is_joined():
    """Of two who find no call, the second to publish joins the call of the first."""
    calls, nested = make_calls(), []
    gate = threading.Event()

    def instead():
        if not nested:
            nested.append(calls.join("key", lambda _call: gate.wait(60) and "once", nothing))

    joined = calls.join("key", lambda _call: "twice", instead)
    calls.forget("another key")
    gate.set()
    wait_idle()

    assert [joined] == nested
    assert "once" == joined.outcome


class LateQueue(deque):
    """Permits; when one is given back, a call is queued at that moment."""

    late = None

    def append(self, permit):
        """Give a permit back."""
        super().append(permit)
        late, self.late = self.late, None
        if late is not None:
            late()


@pytest.mark.parametrize("taken", [False, True])
def test_a_call_that_is_queued_while_a_thread_ends_is_made(taken):
    """The thread that gives its permit back looks once more, and makes the call unless another does."""
    calls, ended = make_calls(limit=1), []
    crew = calls._crews._current()
    crew.permits = LateQueue(crew.permits)
    call = InFlightCall(Mark(calls, "late"), lambda _call: ended.append(1), 0.0, 10.0)

    def late():
        crew.queue.append(call)
        if taken:
            crew.permits.clear()

    crew.permits.late = late
    calls.join("first", lambda _call: "done", nothing)
    wait_idle()

    assert ([] if taken else [1]) == ended


def test_a_table_that_was_emptied_meanwhile_takes_the_next_value():
    """A table without room for anything keeps the newest value."""
    table = SecondChanceTable(0)
    table.keep(b"a", "value")

    assert "value" == table.find(b"a")


def test_a_token_that_was_dropped_is_not_published():
    """A caller that was suspended before it published a token publishes an expired record."""
    subject = Tokens()
    subject.get()
    subject.get()
    entries, entry = subject.auth._engine.entries, subject.auth._engine._default
    held = entry.held
    subject.invalidate()
    entry.fresh = entries._expired
    entries.publish(entry, held, None)

    assert entry.fresh is entries._expired
    assert -math.inf == held.record(entry).until_wall
    subject.close()


class MeddlingDict(dict):
    """A dict in which something else happens just before a value is stored, or taken out."""

    meddle = staticmethod(lambda: None)

    def __setitem__(self, key, value):
        self.meddle()
        super().__setitem__(key, value)

    def pop(self, *arguments):
        self.meddle()
        return super().pop(*arguments)


def test_an_entry_that_is_evicted_while_it_is_published_is_forgotten():
    """A spelling is not kept for an entry that has left the table."""
    subject = Tokens()
    subject.auth.get_token("a")
    entries = subject.auth._engine.entries
    entry = entries.known("a")
    entries._fresh = MeddlingDict()
    entries._fresh.meddle = lambda: (
        entries._evict(entry) if not entry.state.get().is_evicted else None
    )
    entries.publish(entry, entry.held, "a")

    assert "a" not in entries._fresh
    subject.close()


def test_two_who_add_one_scope_get_one_entry():
    """Of two who add a scope at once, both get the entry of the first."""
    entries = Tokens().auth._engine.entries
    added = []
    entries._evicted = MeddlingDict()

    def meddle():
        entries._evicted.meddle = lambda: None
        added.append(entries.entry("new"))

    entries._evicted.meddle = meddle

    assert [entries.entry("new")] == added


def test_a_table_whose_queue_is_empty_exceeds_its_bound():
    """While others hold all entries in their hands, an entry is added beyond the bound."""
    entries = TokenEntries(Scope("home"), 2)
    entries.entry("a")
    entries._queue.clear()
    entries.entry("b")

    assert 3 == len(entries)


def test_a_value_that_was_dropped_before_it_was_recorded_is_not_recorded():
    """An index entry of a token that is no longer held is removed by the one who made it."""
    subject = Tokens()
    subject.get()
    entries, entry = subject.auth._engine.entries, subject.auth._engine._default
    value = entry.held.token.value
    subject.invalidate()
    entries._holders.add(value, entry)

    assert {} == entries._holders._by_value
    subject.close()


def test_a_shortcut_that_lags_behind_leads_to_the_newest_value():
    """A thread that was suspended in the middle of a swap harms no reader."""
    cell = Cell("first")
    first = cell.newest()
    cell.update(lambda _value: "second")
    cell._newest = first

    assert "second" == cell.newest().value == cell.get()


def test_a_closed_entry_holds_nothing():
    """A token that arrives after closing is not held."""
    subject = Tokens()
    subject.get()
    entry = subject.auth._engine._default
    held = entry.held
    subject.close()
    entry.hold(held)

    assert entry.held is None


def test_a_token_is_held_in_the_entry_that_its_scope_has_at_that_moment():
    """An entry that is evicted just before it would hold a token holds none; its successor does."""
    subject = Tokens()
    subject.get()
    entries = subject.auth._engine.entries
    held, evicted = subject.auth._engine._default.held, entries.place(Scope("a"))
    entries._evict(evicted)
    entries._evicted.clear()
    entries._by_words[evicted.scope.words] = evicted
    entries._by_words = MeddlingDict(entries._by_words)
    looked = iter([evicted])
    place, entries.place = entries.place, lambda scope: next(looked, None) or place(scope)
    entries._by_words.pop(evicted.scope.words)
    entries.hold(Scope("a"), held)

    assert (None, held) == (evicted.held, entries.known("a").held)
    subject.close()


def test_a_look_into_the_cache_that_is_lost_is_not_told():
    """Only a call that may ask the endpoint is told to be lost."""
    events = []
    subject = Tokens()
    subject.auth._engine._runtime.emitter._observers = (events.append,)
    subject.auth._engine._note_lost((frozenset(), True))
    subject.auth._engine._note_lost((frozenset({"b", "a"}), False))
    subject.close()

    assert [("single_flight.abandoned", "a b")] == [
        (each.name, each.fields["scope"]) for each in events
    ]


@pytest.mark.parametrize("reading", range(2, 6))
def test_a_token_that_comes_between_a_decision_and_its_call_is_used(reading):
    """Whenever a caller reads the clock, another may get the token: there is one request."""
    readings, inner, asked = [], [], []

    def boot():
        if asked == [threading.get_ident()]:
            readings.append(None)
            if len(readings) == reading:
                asked.append(None)  # once
                inner.append(auth.get_token())
        return time.monotonic()

    transport = ScriptedTransport()
    settings = Settings(client_id="a", client_secret="b", transport=transport)
    with CredicorpAuth.from_settings(settings, clock=Clock(wall=time.time, boot=boot)) as auth:
        asked.append(threading.get_ident())
        token = auth.get_token()

    assert [token] == inner
    assert 1 == len(transport.sent)
