"""
Drivers: run a protocol on a thread that blocks, or on a task that awaits.

A protocol is a generator. It yields a call and the seconds to wait for it, is resumed when the call
has ended or the time is over, and returns the result. So what callers do is written once, and the
two ways of waiting are these two functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from credicorp_auth.engine.fork import Process
from credicorp_auth.engine.progress import following
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter, waiting_task

if TYPE_CHECKING:
    from collections.abc import Generator

    from credicorp_auth.engine.single_flight.in_flight import InFlightCall

R = TypeVar("R")

Wait = tuple["InFlightCall[Any]", float]
"""A call, and the seconds to wait for it."""


def drive(protocol: Generator[Wait, None, R]) -> R:
    """Run a protocol; block this thread while it waits."""
    try:
        while True:
            call, seconds = next(protocol)
            waiter = ThreadWaiter()
            call.waiters[waiter] = None
            try:
                if may_end(call):
                    with following(call.progress):
                        waiter.wait(seconds)
            finally:
                call.waiters.pop(waiter, None)
    except StopIteration as stop:
        result: R = stop.value
        return result


async def adrive(protocol: Generator[Wait, None, R]) -> R:
    """Run a protocol; await what it waits for."""
    try:
        while True:
            call, seconds = next(protocol)
            waiter = waiting_task()
            call.waiters[waiter] = None
            try:
                if may_end(call):
                    await waiter.wait(seconds)
            finally:
                call.waiters.pop(waiter, None)
    except StopIteration as stop:
        result: R = stop.value
        return result


def may_end(call: InFlightCall[Any]) -> bool:
    """Return whether a call has not ended yet and may end in this process."""
    return not call.is_over and call.mark.generation == Process.generation
