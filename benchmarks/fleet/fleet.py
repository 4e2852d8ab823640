"""A simulated fleet: hosts, the systems that they share, and the failures of these."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from host import Host
from ledger import FREEZE, OUTAGE, RETURN, STORM
from shared_systems import SharedSystems

if TYPE_CHECKING:
    from ledger import Ledger
    from scenario import Scenario

START_SECONDS: Final = 1.0  # all hosts start within this time


class Fleet:
    """
    A fleet that runs one scenario.

    Args:
        scenario: The parameters of the simulation.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._systems = SharedSystems(scenario)
        self._hosts: list[Host] = []

    def run(self) -> Ledger:
        """Run the simulation; return its counters."""
        systems = self._systems
        timeline, ledger = systems.timeline, systems.ledger
        for index in range(self._scenario.hosts):
            timeline.at(systems.dice.random() * START_SECONDS, partial(self._start, index))
        begins = {phase.name: phase.begin for phase in ledger.phases}
        storm = partial(systems.endpoint.arm_storm, self._scenario.storm_seconds)
        timeline.at(begins[FREEZE], systems.freeze_next_holder)
        timeline.at(begins[OUTAGE], systems.cache.break_down)
        timeline.at(begins[RETURN], systems.cache.come_back)
        timeline.at(begins[STORM], storm)
        end = ledger.phases[-1].end
        timeline.run(end)
        timeline.instant = end
        for host in self._hosts:
            host.note_gap()
        return ledger

    def _start(self, index: int) -> None:
        host = Host(self._systems, index)
        self._hosts.append(host)
        host.call()
