"""
Mutants of a plugin, judged by the contract kit alone: what share of them does it find?

    python tools/kit_mutants.py [--mutants 60] [--seed 14] [--workers 2] PLUGIN …

PLUGIN is a folder of `plugins/`. Of its tests, only those run that a contract brings. Modules that
build the adapter from settings (`plugin.py`, `options.py`) are left out, since the suites of the
contracts build it themselves. It prints each mutant and the test that found it, and writes
`docs/evidence/kit-mutants-PLUGIN.json`. `kit_survivors.toml` explains each survivor.

Each mutant runs in a fork of this process, which has imported the libraries but not the plugin.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from attrs import define, frozen

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from evidence import record
from mutants import Mutant, list_mutants

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
_LEFT_OUT: Final = frozenset({"__init__.py", "plugin.py", "options.py"})
_IMPORTED: Final = (
    "credicorp_auth.auth",
    "credicorp_auth.wire.urllib3_stack",
    "filelock",
    "httpx",
    "redis",
    "trustme",
    "urllib3",
)
_OPTIONS: Final = (
    *("-x", "-q", "-m", "not proof", "-p", "no:cacheprovider", "-p", "no:xdist"),
    "--credicorp-limit=30",  # seconds for a test
)
_PATIENCE: Final = 10  # times as long as the plugin's own tests take, for all tests of a mutant
SURVIVED: Final = "survived"
TOO_LONG: Final = "does not end"
NOT_COLLECTED: Final = "cannot be imported"


@frozen
class Candidate:
    """A mutant, and the module that it takes the place of."""

    module: str
    mutant: Mutant

    @property
    def place(self) -> str:
        """Module, change and line."""
        return f"{self.module}: {self.mutant.change} (line {self.mutant.line})"


class ContractsOnly:
    """
    A pytest plugin that runs the tests of contracts, those first that have found most.

    Args:
        found: How often each test has found a mutant.
        verdict: The file for the name of the first test that fails.
    """

    def __init__(self, found: Counter[str], verdict: Path) -> None:
        self._found, self._verdict = found, verdict

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the tests that no contract brings, and sort the others."""
        from credicorp_auth_testing.conformance import contract_of  # noqa: PLC0415 - not yet mutated

        def is_of_contract(item: pytest.Item) -> bool:
            contract = contract_of(getattr(item, "cls", None) or object)
            return hasattr(contract, getattr(item, "originalname", item.name))

        items[:] = sorted(filter(is_of_contract, items), key=lambda each: -self._found[each.name])

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write down the test that fails."""
        if report.failed and not self._verdict.exists():
            self._verdict.write_text(report.nodeid.rpartition("::")[2], "utf-8")


@define
class Run:
    """One run of the contracts in a fork."""

    candidate: Candidate | None
    folder: Path
    pid: int
    begun: float


class Judge:
    """
    The contracts' tests of one plugin.

    Args:
        plugin: The folder of the plugin.
    """

    def __init__(self, plugin: Path) -> None:
        self._plugin = plugin
        (self._package,) = (each.parent for each in plugin.glob("credicorp_auth_*/__init__.py"))
        self.found: Counter[str] = Counter()
        self.limit = 600.0

    def candidates(self) -> list[Candidate]:
        """Return all mutants of the plugin."""
        return [
            Candidate(path.name, mutant)
            for path in sorted(self._package.glob("*.py"))
            if path.name not in _LEFT_OUT
            for mutant in list_mutants(path.read_text("utf-8"))
        ]

    def start(self, candidate: Candidate | None) -> Run:
        """Start the tests on a mutant, or on the plugin as it is."""
        folder = Path(tempfile.mkdtemp(prefix="kit-mutants-"))
        changed = folder / "path" / self._package.name
        shutil.copytree(self._package, changed, ignore=shutil.ignore_patterns("__pycache__"))
        if candidate is not None:
            (changed / candidate.module).write_text(candidate.mutant.source, "utf-8")
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                code = self._run(folder)
            except BaseException:  # noqa: BLE001 - the fork must not go on as another run of this program
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        return Run(candidate, folder, pid, time.monotonic())

    def _run(self, folder: Path) -> int:
        os.setsid()  # so that everything can be ended
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        ours = [str(ROOT / each) for each in ("tools", "tests/support")]
        sys.path[:0] = [str(folder / "path"), *ours]
        os.chdir(ROOT)
        arguments = [*_OPTIONS, f"--basetemp={folder / 'tmp'}", str(self._plugin / "tests")]
        return int(pytest.main(arguments, [ContractsOnly(self.found, folder / "verdict")]))

    def verdict(self, run: Run) -> str | None:
        """Return what became of a mutant; None while its tests run."""
        ended, status = os.waitpid(run.pid, os.WNOHANG)
        if not ended and time.monotonic() < run.begun + self.limit:
            return None
        name = TOO_LONG if not ended else SURVIVED if status == 0 else NOT_COLLECTED
        self._end(run, ended=bool(ended))
        if (run.folder / "verdict").exists():
            name = (run.folder / "verdict").read_text("utf-8")
            self.found[name] += 1
        shutil.rmtree(run.folder, ignore_errors=True)
        return name

    @staticmethod
    def _end(run: Run, *, ended: bool) -> None:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        if not ended:
            os.waitpid(run.pid, 0)

    def judge(
        self, candidates: Sequence[Candidate], *, workers: int
    ) -> Iterator[tuple[Candidate, str]]:
        """Yield the verdict on each mutant, several at once."""
        waiting, running = list(candidates), list[Run]()
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(self.start(waiting.pop(0)))
            for run in list(running):
                if (verdict := self.verdict(run)) is not None and run.candidate is not None:
                    running.remove(run)
                    yield run.candidate, verdict
            time.sleep(0.02)

    def pass_as_it_is(self) -> None:
        """Run the tests on the plugin as it is; they must pass."""
        run = self.start(None)
        while (verdict := self.verdict(run)) is None:
            time.sleep(0.02)
        if verdict != SURVIVED:
            raise SystemExit(f"the plugin as it is: {verdict}")
        self.limit = 60 + _PATIENCE * (time.monotonic() - run.begun)


def report(plugin: str, verdicts: Sequence[tuple[str, str]], **sample: int) -> float:
    """Print and write the figures; return the share that was found."""
    survivors = [place for place, verdict in verdicts if verdict == SURVIVED]
    found = len(verdicts) - len(survivors)
    share = round(found / len(verdicts), 3)
    figures = {**sample, "judged": len(verdicts), "found": found, "share": share}
    record(f"kit-mutants-{plugin}", {**figures, "survivors": sorted(survivors)})
    print(f"{plugin}: {found} of {len(verdicts)} found, {share:.0%}")
    return share


def check(plugin: str, options: argparse.Namespace) -> float:
    """Judge a sample of the mutants of a plugin; return the share that was found."""
    judge = Judge(ROOT / "plugins" / plugin)
    judge.pass_as_it_is()
    every = judge.candidates()
    sample = random.Random(options.seed).sample  # noqa: S311 - no key is made of it
    chosen = sample(every, min(options.mutants, len(every)))
    verdicts: list[tuple[str, str]] = []
    for candidate, verdict in judge.judge(chosen, workers=options.workers):
        verdicts.append((candidate.place, verdict))
        print(f"{candidate.place}\n    {verdict}", flush=True)
    return report(plugin, verdicts, of=len(every), seed=options.seed)


def main(arguments: Sequence[str]) -> int:
    """Judge plugins in turn; fail if less than 80 % of the mutants of one are found."""
    parser = argparse.ArgumentParser(prog="kit_mutants.py")
    parser.add_argument("plugins", nargs="+", metavar="PLUGIN")
    parser.add_argument("--mutants", type=int, default=60)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    for module in _IMPORTED:
        import_module(module)
    shares = [check(each, options) for each in options.plugins]
    return 0 if min(shares) >= 0.8 else 1  # noqa: PLR2004 - the promise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
