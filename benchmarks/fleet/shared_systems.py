"""Systems that the hosts of a fleet share: clock, cache and token endpoint, and their failures."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from endpoint import Endpoint
from ledger import Ledger, plan
from shared_cache import ModelLease, SharedCache
from timeline import Timeline

from credicorp_auth.plugin.api import LeaseState

if TYPE_CHECKING:
    from scenario import Scenario

    from credicorp_auth.plugin.api import Lease


class SharedSystems:
    """
    Clock, random numbers, counters, cache and token endpoint of one simulation.

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
        self._freezing = False
        self._records = 0

    def new_record_id(self) -> str:
        """Return the next record id."""
        self._records += 1
        return f"{self._records:032x}"

    def freeze_next_holder(self) -> None:
        """Let the next host that mints under the lease freeze."""
        self._freezing = True

    def freezes(self, lease: Lease) -> bool:
        """Report if the holder of this lease freezes now; it happens to one holder."""
        if not self._freezing or lease.state is not LeaseState.ACQUIRED:
            return False
        assert isinstance(lease, ModelLease)
        self._freezing = False
        lease.stand_still(self.timeline.instant)
        return True
