"""The fleet model says the same each time, and what the rules promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
MODEL = ROOT / "benchmarks" / "fleet"


@pytest.fixture(scope="module")
def runs():
    # Coverage cannot follow greenlets, and would take the lines of one story for another's.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    }
    chosen = "--hosts 50 --lifetimes 60 60 --tier 100 --seed 7 --json"
    printed = subprocess.run(
        [sys.executable, MODEL / "run.py", *chosen.split()],
        env={**environment, "PYTHONPATH": f"{MODEL}:{ROOT / 'tools'}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return json.loads(printed)


def phases(run):
    return {phase["name"]: phase for phase in run["phases"]}


def test_a_run_can_be_repeated(runs):
    """The same seed gives the same run, to the last request; with and without the lease differ."""
    with_lease, without, with_lease_again, without_again = runs

    assert with_lease == with_lease_again
    assert without == without_again
    assert with_lease["requests_per_second"] != without["requests_per_second"]


def test_with_the_lease_a_fleet_mints_one_token_at_a_time(runs):
    """A fleet that shares a cache mints like one host, and no host goes without after the start."""
    steady = phases(runs[0])["steady"]

    assert steady["minted"] == steady["requests"]
    assert (
        3 <= steady["minted"] <= 5
    )  # in three lifetimes; a token is replaced from 70 % of its life on
    assert 0 == steady["hosts_without_token"]
    assert 1 == phases(runs[0])["start"]["requests"]


def test_a_frozen_holder_costs_one_mint(runs):
    """When the holder of the lease freezes another takes over, and nobody else is without a token."""
    freeze, steady = phases(runs[0])["holder freezes"], phases(runs[0])["steady"]

    assert freeze["minted"] <= steady["minted"] / 3 + 2
    assert freeze["hosts_without_token"] <= 1


def test_without_a_cache_each_host_mints_for_itself(runs):
    """In an outage of the cache each host mints at least once, and stops when the cache is back."""
    for run in runs:
        assert 50 <= phases(run)["Redis down"]["minted"]
        assert phases(run)["Redis back"]["minted"] < 50


def test_a_storm_is_met_by_few_where_the_lease_is(runs):
    """One refusal keeps a fleet with a lease quiet; without it all ask again at once."""
    storms = [phases(run)["429 storm"]["peak_per_second"] for run in runs[:2]]

    assert storms[0] <= 3
    assert 25 <= storms[1]
