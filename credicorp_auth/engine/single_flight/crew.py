"""
Crew: a bounded number of threads that run queued calls, for keys that untrusted parties choose.

A permit stands for a thread. A thread that finds the queue empty gives its permit back and looks
once more, so that no call is left behind. A call that is lost (its thread hangs) has its permit
taken away by the next who needs one.

If no thread can start, each caller makes its call on its own thread. It makes other callers' calls
only if they were left in the queue with no thread to serve them.
"""

from __future__ import annotations

import contextvars
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from credicorp_auth.engine.fork import Process
from credicorp_auth.engine.single_flight.in_flight import IN_FLIGHT, Mark
from credicorp_auth.engine.single_flight.thread import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.engine.single_flight.in_flight import InFlightCall


class _Crew:
    """The permits and the queue of one process; its threads do not survive a fork."""

    def __init__(self, limit: int) -> None:
        self.permits = deque([True] * limit)
        self.queue: deque[InFlightCall[Any]] = deque()
        self.running: dict[InFlightCall[Any], None] = {}


class Crews:
    """
    The crew of this process, and a new one in each forked child.

    Args:
        name: The kind of call, used in the names of threads.
        limit: Calls that run at once.
        owner: The single flight that the calls belong to.
        run: Runs one call.
        boot: The boot clock.
    """

    def __init__(
        self,
        name: str,
        limit: int,
        *,
        owner: object,
        run: Callable[[InFlightCall[Any]], None],
        boot: Callable[[], float],
    ) -> None:
        self._name, self._limit, self._owner = name, limit, owner
        self._run, self._boot = run, boot
        self._by_generation = {Process.generation: _Crew(limit)}

    def start(self, call: InFlightCall[Any]) -> None:
        """Queue a call, and start a thread unless enough are running."""
        crew = self._current()
        crew.queue.append(call)
        if not self._take_permit(crew):
            return
        context = contextvars.copy_context()
        # Between two calls, too, a finaliser on this thread must not wait for the crew.
        context.run(IN_FLIGHT.set, (*IN_FLIGHT.get(), Mark(self._owner, None)))
        if start_thread(self._name, partial(self._work, crew), context):
            return
        if len(crew.permits) == self._limit - 1:
            self._work(crew)
            return
        crew.permits.append(True)
        call.context.copy().run(self._run, call)

    def _current(self) -> _Crew:
        generation = Process.generation
        crew = self._by_generation.get(generation)
        if crew is None:
            # The first of those who write is kept.
            crew = self._by_generation.setdefault(generation, _Crew(self._limit))
            for each in list(self._by_generation):
                if each != generation:
                    self._by_generation.pop(each, None)
        return crew

    def _take_permit(self, crew: _Crew) -> bool:
        try:
            crew.permits.pop()
        except IndexError:
            now = self._boot()
            lost = (each for each in list(crew.running) if not each.is_under_way(now))
            return any(_takes(crew, each) for each in lost)
        return True

    def _work(self, crew: _Crew) -> None:
        """Run queued calls until the queue is empty."""
        while True:
            while call := _next(crew.queue):
                crew.running[call] = None
                call.context.copy().run(self._run, call)
                if not _takes(crew, call):
                    return  # it was lost, and another has the permit
            crew.permits.append(True)
            # A call may have been queued while this thread still had the permit.
            if not crew.queue or not self._take_permit(crew):
                return


def _takes(crew: _Crew, call: InFlightCall[Any]) -> bool:
    """Return whether the caller is the one who removes a call from those that are running."""
    try:
        crew.running.pop(call)
    except KeyError:
        return False
    return True


def _next(queue: deque[InFlightCall[Any]]) -> InFlightCall[Any] | None:
    """Return the next call of a queue, or None."""
    try:
        return queue.popleft()
    except IndexError:
        return None
