"""Blocking work beside an event loop, with and without a thread to do it on."""

from __future__ import annotations

import asyncio
import threading

import pytest
import trio

from credicorp_auth.engine.closeable import run_aside


@pytest.fixture(params=["asyncio", "trio"])
def run(request):
    """Run a coroutine function on one kind of loop."""
    if request.param == "trio":
        return trio.run
    return lambda work, *given: asyncio.run(work(*given))


@pytest.fixture(params=["thread", "inline"])
def elsewhere(request):
    """Say whether a thread can start, and let none start if not."""
    usual = threading.stack_size(2**47 if request.param == "inline" else 0)
    yield request.param == "thread"
    threading.stack_size(usual)


def test_work_is_done_off_the_loop_if_a_thread_can_start(run, elsewhere):
    """It is done once, on another thread if there can be one."""
    done = []
    run(run_aside, lambda: done.append(threading.current_thread()))

    assert 1 == len(done)
    assert elsewhere is (done[0] is not threading.current_thread())


def test_fault_377_what_it_raises_is_raised_by_the_wait(run, elsewhere):
    """A failure reaches a caller that awaits the work, wherever it was done."""

    def fail():
        message = f"elsewhere: {elsewhere}"
        raise LookupError(message)

    with pytest.raises(LookupError, match=str(elsewhere)):
        run(run_aside, fail)
