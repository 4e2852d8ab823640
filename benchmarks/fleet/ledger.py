"""Counters: requests by second and phase, and the time that hosts have no token."""

from __future__ import annotations

from collections import Counter
from typing import Final

from attrs import Factory, define, field, frozen

START, STEADY, FREEZE, OUTAGE, RETURN, STORM, AFTER = PHASES = (
    "start",
    "steady",
    "holder freezes",
    "Redis down",
    "Redis back",
    "429 storm",
    "after it",
)


@frozen
class Phase:
    """
    A phase of a run.

    Args:
        name: The condition that holds in it.
        begin: Seconds since the start of the run.
        end: Seconds since the start of the run.
    """

    name: str
    begin: float
    end: float


@define
class PhaseCount:
    """
    The counters of a phase.

    Args:
        requests: Token requests.
        minted: Token requests that returned a token.
        peak: Requests in the busiest second.
        without: Hosts that had no usable token at some time in the phase.
        seconds_without: Seconds without a usable token, summed over all hosts.
        cache_peak: Operations on the shared cache in its busiest second.
    """

    requests: int = 0
    minted: int = 0
    peak: int = 0
    without: int = 0
    seconds_without: float = 0.0
    cache_peak: int = 0
    _hosts: set[int] = Factory(set)

    def note_gap(self, host: int, seconds: float) -> None:
        """Add a period in which a host had no usable token."""
        self._hosts.add(host)
        self.without = len(self._hosts)
        self.seconds_without += seconds


@define
class Ledger:
    """
    The counters of a run.

    Args:
        phases: The consecutive phases of the run.
    """

    phases: tuple[Phase, ...]
    per_second: Counter[int] = field(factory=Counter, init=False)
    _cache_per_second: Counter[int] = field(factory=Counter, init=False)
    _current: int = field(default=0, init=False)
    counts: dict[str, PhaseCount] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = {phase.name: PhaseCount() for phase in self.phases}

    def note_request(self, instant: float, *, served: bool) -> None:
        """Count a request."""
        second = int(instant)
        self.per_second[second] += 1
        count = self._count_at(instant)
        count.requests += 1
        count.minted += served
        count.peak = max(count.peak, self.per_second[second])

    def note_cache(self, instant: float) -> None:
        """Count an operation of the shared cache."""
        second = int(instant)
        self._cache_per_second[second] += 1
        count = self._count_at(instant)
        count.cache_peak = max(count.cache_peak, self._cache_per_second[second])

    def note_gap(self, host: int, begin: float, end: float) -> None:
        """Add a period in which a host had no usable token to the phases it overlaps."""
        for phase in self.phases:
            seconds = min(end, phase.end) - max(begin, phase.begin)
            if seconds > 0:
                self.counts[phase.name].note_gap(host, seconds)

    def _count_at(self, instant: float) -> PhaseCount:
        while instant >= self.phases[self._current].end:  # time goes one way
            self._current += 1
        return self.counts[self.phases[self._current].name]


LIFETIMES: Final = {
    START: 0.5,
    STEADY: 3.0,
    FREEZE: 1.0,
    OUTAGE: 1.0,
    RETURN: 1.0,
    STORM: 1.5,
    AFTER: 1.0,
}
"""The length of each phase, in token lifetimes."""


def plan(lifetime: float) -> tuple[Phase, ...]:
    """Return consecutive phases for tokens of that lifetime."""
    phases: list[Phase] = []
    begin = 0.0
    for name in PHASES:
        end = begin + LIFETIMES[name] * lifetime
        phases.append(Phase(name, begin, end))
        begin = end
    return tuple(phases)
