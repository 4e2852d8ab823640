"""A simulated fleet: hosts, a shared cache, a token endpoint, and their failures."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Final

from attrs import frozen
from endpoint import Endpoint
from host import Host
from ledger import FREEZE, OUTAGE, RETURN, STORM, Ledger, plan
from shared_cache import ModelLease, SharedCache
from timeline import Timeline

from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from credicorp_auth.plugin.api import Lease

START_SECONDS: Final = 1.0  # all hosts start within this time
LONGEST_STORM: Final = 450.0  # seconds


@frozen
class Scenario:
    """
    The parameters of a simulation.

    Args:
        hosts: Number of hosts.
        lifetime: Lifetime of a token in seconds.
        lease: If set, the cache offers a lease.
        tier: Requests a second that the endpoint serves; None for no limit.
        seed: Seed of the random number generator.
    """

    hosts: int
    lifetime: float
    lease: bool
    tier: float | None
    seed: int

    @property
    def storm_seconds(self) -> float:
        """Return a length that exceeds the time from the advisory window to expiry."""
        return min(self.lifetime / 2, LONGEST_STORM)


class Fleet:
    """
    A fleet that runs one scenario.

    Args:
        scenario: The parameters of the simulation.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.leases = scenario.lease
        self.dice = random.Random(scenario.seed)  # noqa: S311 - runs must be repeatable
        self.timeline = Timeline()
        self.ledger = Ledger(plan(scenario.lifetime))
        self.cache = SharedCache(self.timeline, self.ledger)
        self.endpoint = Endpoint(
            self.timeline,
            self.dice,
            self.ledger,
            tier=scenario.tier,
            lifetime=scenario.lifetime,
        )
        self._scenario = scenario
        self._freezing = False
        self._records = 0
        self._hosts: list[Host] = []

    def new_record_id(self) -> str:
        """Return the next record id."""
        self._records += 1
        return f"{self._records:032x}"

    def freezes(self, lease: Lease) -> bool:
        """Report if the holder of this lease freezes now; it happens to one holder."""
        if not self._freezing or lease.state is not LeaseState.ACQUIRED:
            return False
        assert isinstance(lease, ModelLease)
        self._freezing = False
        lease.stand_still(self.timeline.instant)
        return True

    def run(self) -> Ledger:
        """Run the simulation; return its counters."""
        for index in range(self._scenario.hosts):
            self.timeline.at(self.dice.random() * START_SECONDS, partial(self._start, index))
        begins = {phase.name: phase.begin for phase in self.ledger.phases}
        self.timeline.at(begins[FREEZE], self._freeze)
        self.timeline.at(begins[OUTAGE], self.cache.break_down)
        self.timeline.at(begins[RETURN], self.cache.come_back)
        self.timeline.at(
            begins[STORM], lambda: self.endpoint.arm_storm(self._scenario.storm_seconds)
        )
        end = self.ledger.phases[-1].end
        self.timeline.run(end)
        self.timeline.instant = end
        for host in self._hosts:
            host.note_gap()
        return self.ledger

    def _start(self, index: int) -> None:
        host = Host(self, index)
        self._hosts.append(host)
        host.call()

    def _freeze(self) -> None:
        self._freezing = True
