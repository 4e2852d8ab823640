"""
Time guard and circuit breaker of one adapter: one that hangs costs its timeout once.

A guarded call runs on a thread of its own, and its caller waits no longer than it may. An adapter
that does not return in time is in trouble: from then on it is not called, and its callers are told
at once. A background thread tries it until it is well. It never does so while a call hangs, so the
threads that hang are those of the calls that were under way when the trouble began, and no more.

No lock is held: every change is one assignment, or one operation of a list or dictionary.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from random import SystemRandom
from typing import TYPE_CHECKING, Final, TypeVar, cast

from credicorp_auth.engine.single_flight.thread import start_thread
from credicorp_auth.engine.single_flight.waiter import ThreadWaiter
from credicorp_auth.plugin.api.clocks import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    Outcome = tuple[object, BaseException | None]

T = TypeVar("T")

GUARD_THREAD: Final = "credicorp-guard"
"""How the names of its threads begin."""

_PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds before each try of one thread
# Seconds, and part of the time of a call, in which an adapter may report that its time is over.
_GRACE: Final = 0.1
_DICE: Final = SystemRandom()


class Overdue(Exception):
    """A call that has not returned in time."""


def within(
    seconds: float, work: Callable[[], T], *, name: str, then: Callable[[], None] = lambda: None
) -> T:
    """
    Run a function on a daemon thread, and wait for it for a limited time.

    Where no thread can start, it runs inline, and takes as long as it takes.

    Args:
        seconds: Longest wait.
        work: The function.
        name: Name of the thread.
        then: Called on that thread when the function has ended, in time or not.

    Returns:
        Its result; what it raises is raised here.

    Raises:
        Overdue: It has not ended. It goes on, and its result is dropped.
    """
    outcomes: list[Outcome] = []
    waiter = ThreadWaiter()

    def run() -> None:
        try:
            outcomes.append((work(), None))
        except BaseException as failure:  # noqa: BLE001 - raised again below, in the caller
            outcomes.append((None, failure))
        waiter.wake()
        then()

    if not start_thread(name, run):
        try:
            return work()
        finally:
            then()
    waiter.wait(seconds)
    if not outcomes:
        raise Overdue
    value, failure = outcomes.pop()
    if failure is None:
        return cast("T", value)
    try:
        raise failure
    finally:
        del failure  # the traceback would hold itself, and with it what the frames hold


class _Call:
    """One call of the adapter."""

    __slots__ = ("is_overdue",)

    def __init__(self) -> None:
        self.is_overdue = False


class _Trouble:
    """One time of trouble; `claims` has one item, which the thread that tries the adapter takes."""

    __slots__ = ("claims", "since", "verb")

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.since = monotonic()
        self.claims = [True]


class Guard:
    """
    Guard of one adapter.

    Args:
        adapter: The adapter, as events name it.
        kind: Its kind, such as `cache`.
        probe: Tries the adapter; told the verb that caused the trouble. It raises, or takes longer
            than `seconds`, if the adapter is not well.
        seconds: Returns the seconds that the probe may take.
        emit: Emits events.
        pauses: Seconds before each probe of one thread.
    """

    def __init__(  # noqa: PLR0913 - what it guards, and how
        self,
        adapter: object,
        kind: str,
        *,
        probe: Callable[[str], object],
        seconds: Callable[[], float],
        emit: Callable[..., None],
        pauses: tuple[float, ...] = _PAUSES,
    ) -> None:
        self._adapter = str(adapter)
        self._kind = kind
        self._probe = probe
        self._seconds = seconds
        self._emit = emit
        self._pauses = pauses
        self._is_closed = False
        self.after_fork()

    def after_fork(self) -> None:
        """Forget the calls and the trouble of the parent, whose threads the child does not have."""
        self._calls: dict[_Call, None] = {}
        self._closings: list[Callable[[], None]] = []
        self._trouble: _Trouble | None = None
        self._sleeper: ThreadWaiter | None = None

    def close(self, close: Callable[[], None], *, seconds: float) -> None:
        """
        Try the adapter no more, and close it: at once, or when the last call that hangs returns.

        Args:
            close: Closes the adapter.
            seconds: Longest wait; closing goes on beyond it, on its own thread.
        """
        self._is_closed = True
        if self._sleeper is not None:
            self._sleeper.wake()
        self._closings.append(close)
        if not self._hangs():
            with suppress(Overdue):
                within(seconds, self._close_adapter, name=f"{GUARD_THREAD} {self._kind}")

    def is_open(self) -> bool:
        """Return whether the adapter is in trouble and must not be called; see that it is tried."""
        self._try_again()
        return self._trouble is not None

    def ask(self, verb: str, work: Callable[[], T], *, seconds: float) -> T:
        """
        Call the adapter.

        Args:
            verb: Its method, as events name it.
            work: The call.
            seconds: The timeout that the adapter was given; it gets a little more to return.

        Raises:
            Overdue: It has not returned, and is in trouble from now on.
        """
        call, calls = _Call(), self._calls
        calls[call] = None
        try:
            return within(
                seconds * (1 + _GRACE) + _GRACE,
                work,
                name=f"{GUARD_THREAD} {self._kind}",
                then=partial(self._end, call, calls),
            )
        except Overdue:
            call.is_overdue = True
            self.open(verb, f"has not returned within {seconds:g} s")
            raise

    def open(self, verb: str, reason: str) -> None:
        """Note trouble: from now on the adapter is not called until a probe succeeds."""
        if self._trouble is not None or self._is_closed:
            return
        self._trouble = _Trouble(verb)
        self._emit(
            "adapter.trouble", adapter=self._adapter, kind=self._kind, verb=verb, reason=reason
        )
        self._try_again()

    def _end(self, call: _Call, calls: dict[_Call, None]) -> None:
        calls.pop(call, None)
        if not call.is_overdue:
            return
        if self._is_closed and not self._hangs():
            with suppress(Exception):  # no caller waits for it
                self._close_adapter()
        else:
            self._try_again(here=True)

    def _close_adapter(self) -> None:
        closings, self._closings = self._closings, []
        for close in closings:
            close()

    def _hangs(self) -> bool:
        return any(each.is_overdue for each in list(self._calls))

    def _try_again(self, *, here: bool = False) -> None:
        """Probe in the background, unless all is well, a call hangs or a probe is under way."""
        trouble = self._trouble
        if trouble is None or self._is_closed or self._hangs():
            return
        try:
            trouble.claims.pop()
        except IndexError:
            return
        if here:
            self._probe_until_well(trouble)
        elif not start_thread(
            f"{GUARD_THREAD} {self._kind} probe", partial(self._probe_until_well, trouble)
        ):
            trouble.claims.append(True)
            if monotonic() >= trouble.since + self._pauses[-1]:
                self._trouble = None  # no thread: the next call tries

    def _probe_until_well(self, trouble: _Trouble) -> None:
        for pause in self._pauses:
            # Jitter, so that a fleet does not return all at once (thundering herd).
            self._sleep(pause * _DICE.uniform(0.5, 1.5))
            if self._is_closed or self._trouble is not trouble:
                return
            if self._is_well(trouble.verb):
                self._trouble = None
                seconds = monotonic() - trouble.since
                self._emit(
                    "adapter.recovered", adapter=self._adapter, kind=self._kind, seconds=seconds
                )
                return
        trouble.claims.append(True)  # the next call starts another thread

    def _is_well(self, verb: str) -> bool:
        began = monotonic()
        try:
            self._probe(verb)
        except Exception:  # noqa: BLE001 - an adapter that raises anything is not well
            return False
        return monotonic() - began < self._seconds()

    def _sleep(self, seconds: float) -> None:
        # A lock made now: gevent may have replaced its kind since the guard was built.
        self._sleeper = sleeper = ThreadWaiter()
        sleeper.wait(0.0 if self._is_closed else seconds)
