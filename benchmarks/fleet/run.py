"""
Simulation: how often a fleet requests tokens, in normal operation and during failures.

    python run.py [--lifetimes 60 300 900 3600] [--lease both] [--tier 100] [--json] [--plot FILE]

Ten thousand hosts with one busy process each share a cache and a token endpoint. It is a
discrete-event simulation in simulated time. The library's own code runs unchanged: admission, the
lifecycle, completion and all that they call, each call in a greenlet (see host.py). Modelled are
the calls of the hosts, the cache (shared_cache.py), the endpoint (endpoint.py) and the failures
(fleet.py): the first lease holder freezes, the cache fails and loses its entries, the endpoint
rejects every request. Clocks are exact, and the cache responds at once.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict
from evidence import record
from fleet import Fleet
from plot import TIERS, draw
from scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger import Ledger, Phase, PhaseCount


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    summary, _, _ = (__doc__ or "").strip().partition("\n")
    parser = argparse.ArgumentParser(prog="run.py", description=summary)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--lifetimes", type=int, nargs="+", default=[60, 300, 900, 3600])
    parser.add_argument("--lease", choices=["both", "yes", "no"], default="both")
    parser.add_argument(
        "--tier", type=int, default=100, help="requests a second that are served; 0: any number"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--plot", type=Path, help="where to draw an SVG")
    chosen = parser.parse_args(arguments)
    if chosen.hosts < 1 or chosen.tier < 0 or min(chosen.lifetimes) < 1:
        parser.error("--hosts and --lifetimes are at least 1, --tier is not negative")
    if chosen.plot is not None and not chosen.plot.parent.is_dir():
        parser.error("there is no such folder to draw into")
    return chosen


def scenarios(chosen: argparse.Namespace) -> Iterator[Scenario]:
    """Return the scenarios to simulate."""
    for lifetime in chosen.lifetimes:
        for lease in {"both": (True, False), "yes": (True,), "no": (False,)}[chosen.lease]:
            yield Scenario(chosen.hosts, lifetime, lease, chosen.tier or None, chosen.seed)


def minted_per_lifetime(phase: Phase, count: PhaseCount, lifetime: float) -> float:
    """Return the number of tokens minted in a phase, per token lifetime."""
    return count.minted * lifetime / (phase.end - phase.begin)


def smallest_tier(peak: int) -> str:
    """Return the smallest documented tier that serves this many requests a second."""
    return next((str(tier) for tier in TIERS if peak <= tier), "none")


def table(scenario: Scenario, ledger: Ledger) -> Iterator[str]:
    """Format one run as lines of a table."""
    lease = "with" if scenario.lease else "without"
    yield f"tokens of {scenario.lifetime:g} s, {lease} the lease"
    yield (
        f"  {'phase':15}{'seconds':>8}{'mints/life':>11}{'requests':>9}{'429s':>8}{'peak/s':>7}"
        f"{'tier':>6}{'hosts without':>14}{'s each':>8}{'cache/s':>9}"
    )
    for phase in ledger.phases:
        count = ledger.counts[phase.name]
        mints = minted_per_lifetime(phase, count, scenario.lifetime)
        yield (
            f"  {phase.name:15}{phase.end - phase.begin:8.0f}{mints:11.1f}{count.requests:9}"
            f"{count.requests - count.minted:8}{count.peak:7}{smallest_tier(count.peak):>6}"
            f"{count.without:14}{count.seconds_without / scenario.hosts:8.2f}{count.cache_peak:9}"
        )


def as_json(scenario: Scenario, ledger: Ledger) -> dict[str, Any]:
    """Return one run as a JSON object."""
    phases = [
        {
            "name": phase.name,
            "begin": phase.begin,
            "end": phase.end,
            "requests": count.requests,
            "minted": count.minted,
            "minted_per_lifetime": minted_per_lifetime(phase, count, scenario.lifetime),
            "refused": count.requests - count.minted,
            "peak_per_second": count.peak,
            "hosts_without_token": count.without,
            "host_seconds_without_token": count.seconds_without,
            "cache_peak_per_second": count.cache_peak,
        }
        for phase in ledger.phases
        for count in [ledger.counts[phase.name]]
    ]
    seconds = sorted(ledger.per_second.items())
    return {**asdict(scenario), "phases": phases, "requests_per_second": seconds}


def main(arguments: Sequence[str]) -> None:
    """Run the simulations, and print the results."""
    chosen = read_arguments(arguments)
    gc.disable()  # no garbage worth collecting; it takes a tenth of the time
    runs: list[tuple[Scenario, Ledger]] = []
    for scenario in scenarios(chosen):
        runs.append((scenario, Fleet(scenario).run()))
        gc.collect()
        if not chosen.json:
            print("\n".join(table(*runs[-1])), flush=True)
    if chosen.json:
        print(json.dumps([as_json(*run) for run in runs], indent=1))
    if not arguments:  # the full run
        reported = [as_json(*run) for run in runs]
        for each in reported:
            del each["requests_per_second"]  # long, and shown by the plot
        record("fleet-model", {"runs": reported})
    if chosen.plot is not None:
        chosen.plot.write_text(draw(runs), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
