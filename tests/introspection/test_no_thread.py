"""Introspection where no thread can start: each caller asks the server on its own thread."""

from __future__ import annotations

import threading

import pytest

from credicorp_auth import errors

pytestmark = pytest.mark.slow


@pytest.fixture
def exhaust():
    """Return what makes threads need more memory than there is, until the test is over."""
    usual = threading.stack_size()
    yield lambda: threading.stack_size(2**47)
    threading.stack_size(usual)


def test_fault_377_whoever_asks_asks_on_its_own_thread(scene, wait, active, exhaust):
    """Outcomes, and what is remembered of them, are those that there are with threads."""
    exhaust()
    stage = scene([active(), errors.ConnectionFailed("gone"), errors.ConnectionFailed("gone")], wait=wait)  # fmt: skip
    first = stage.introspect()

    assert first
    assert first is stage.introspect()
    assert 1 == stage.sent
    assert type(stage.introspect("another")) is errors.ConnectionFailed
    assert 3 == stage.sent


def test_fault_377_a_call_under_way_does_not_keep_others_waiting(scene, active, exhaust):
    """A caller without a thread makes its own call, although another's thread will be there later."""
    gate = threading.Event()
    stage = scene([lambda _request: gate.wait(60) and active(), active()])
    slow = threading.Thread(target=stage.auth.introspect, args=("slow",))
    slow.start()
    while not stage.sent:
        pass
    exhaust()

    assert stage.auth.introspect("quick")
    assert 2 == stage.sent
    gate.set()
    slow.join()


def test_fault_377_many_at_once_are_all_answered(scene, active, exhaust):
    """A hundred callers who were there before threads ran out: nobody's call is left unmade."""
    stage = scene([active() for _ in range(100)])
    start, found = threading.Barrier(101), []

    def ask(number):
        start.wait()
        found.append(stage.auth.introspect(f"token-{number}").active)

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(100)]
    for each in callers:
        each.start()
    exhaust()
    start.wait()
    for each in callers:
        each.join()

    assert [True] * 100 == found
    assert 100 == stage.sent
