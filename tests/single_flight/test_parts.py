"""Cell, gate, crew and calls, each by itself."""

from __future__ import annotations

import sys
import threading
import time

import pytest
from policies import Document

from credicorp_auth import errors
from credicorp_auth.engine.clock import Clock
from credicorp_auth.engine.fork import _renew_all
from credicorp_auth.engine.single_flight.cached_document import NoFetch
from credicorp_auth.engine.single_flight.cell import Cell
from credicorp_auth.engine.single_flight.driver import drive
from credicorp_auth.engine.single_flight.flight import SingleFlight
from credicorp_auth.engine.single_flight.gate import Gate
from credicorp_auth.engine.single_flight.in_flight import InFlightCall
from credicorp_auth.engine.single_flight.shared_question import obtain_shared
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, _wake_after_fork
from credicorp_auth.plugin.api.late_lock import LateLock
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import wait_idle
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


def flight(clock=None, *, limit=None, lost=None):
    """Make a single flight that keeps nothing."""
    lost = [] if lost is None else lost
    return SingleFlight(
        "test", clock or Clock(), 10, keep=lambda _call, outcome: outcome, note_lost=lost.append, limit=limit
    )  # fmt: skip


def nothing():
    """Find nothing instead."""


def test_a_call_that_crashes_is_an_error_for_those_who_wait():
    """What a call raises is raised where it runs, and its waiters get an error of ours at once."""
    calls, gate, hooked = flight(), threading.Event(), []

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
    calls = flight(clock, lost=lost)
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
    calls = flight(clock, limit=1)
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
    calls = flight(limit=1)
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
    calls = flight(clock, limit=2)
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
