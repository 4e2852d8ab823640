"""Tests of what a fetch leaves outside the process: fault 466."""

from __future__ import annotations

from credicorp_auth.plugin.api import SecretSource
from credicorp_auth_testing.contracts.secret_source.canary import find_canary
from credicorp_auth_testing.contracts.secret_source.harness import (
    TIMEOUT,
    SecretSourceHarness,
    names_of,
)
from credicorp_auth_testing.contracts.traces import traces_of


class TraceTests(SecretSourceHarness):
    """Tests of what a fetch leaves outside the process: fault 466."""

    def test_fault_466_the_secret_stays_in_the_process(self, source: SecretSource) -> None:
        """A fetch puts no value into a variable, a file or another program's arguments."""
        names = names_of(source)

        def fetch_twice() -> None:
            source.after_fork()
            source.fetch(names, timeout=TIMEOUT)
            source.fetch(names, timeout=TIMEOUT)

        seen = traces_of(fetch_twice)

        assert [] == [
            (event, *find_canary(text))
            for event, texts in seen.items()
            for text in texts
            if find_canary(text)
        ]
