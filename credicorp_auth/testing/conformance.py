"""Which adapters conform to their contract: a short table at the end of a run, and JSON."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from attrs import asdict, define, field

if TYPE_CHECKING:
    from collections.abc import Iterable

_CONTRACTS = "credicorp_auth.testing.contracts."
_SHOWN = 5  # names in a line; the JSON report has them all
_MAIL = "credicorp_auth_contracts"  # what a worker of pytest-xdist hands over when it has done


@define
class Suite:
    """
    One adapter's run of its contract.

    Args:
        name: Where its tests are.
        kind: What kind of adapter the contract is for.
        version: The version of the contract: see `docs/how-to/test-an-adapter.md`.
        tests: Names of the contract's tests.
        passed: The tests that passed.
        failed: The tests that did not, with what they claim.
        not_offered: The tests of what the adapter does not declare, with the reason.
        excused: The cases that the suite itself skipped, with its reason.
        replaced: The tests of the contract that the suite replaced by its own.
        proven: Names of the contract's tests of which at least one case was decided.
    """

    name: str
    kind: str
    version: str
    tests: set[str]
    passed: set[str] = field(factory=set[str])
    failed: dict[str, str] = field(factory=dict[str, str])
    not_offered: dict[str, str] = field(factory=dict[str, str])
    excused: dict[str, str] = field(factory=dict[str, str])
    replaced: set[str] = field(factory=set[str])
    proven: set[str] = field(factory=set[str])

    @classmethod
    def of(cls, contract: type, *, name: str) -> Self:
        """Begin the run of a contract."""
        words = re.findall(r"[A-Z][a-z0-9]*", contract.__name__)
        version = str(getattr(contract, "contract_version", "1.0"))
        tests = {each for each in dir(contract) if each.startswith("test")}
        return cls(name, " ".join(words[:-1]).lower(), version, tests)

    def add(self, part: Suite) -> None:
        """Add what another process has found."""
        for mine, theirs in (
            (self.failed, part.failed),
            (self.not_offered, part.not_offered),
            (self.excused, part.excused),
        ):
            mine.update(theirs)
        self.passed = (self.passed | part.passed) - set(self.failed)
        self.replaced |= part.replaced
        self.proven |= part.proven

    @property
    def not_run(self) -> list[str]:
        """The tests of the contract of which not one case was run."""
        return sorted(self.tests - self.proven)

    @property
    def conforms(self) -> bool:
        """Whether the adapter passed the whole contract, as far as its capabilities go."""
        return not (self.failed or self.replaced or self.not_run)

    def document(self) -> dict[str, Any]:
        """Return what the JSON report says of it."""
        return {
            "suite": self.name,
            "kind": self.kind,
            "contract_version": self.version,
            "conforms": self.conforms,
            "passed": len(self.passed),
            "failed": self.failed,
            "not_offered": self.not_offered,
            "excused": self.excused,
            "replaced": sorted(self.replaced),
            "not_run": self.not_run,
        }


class Conformance:
    """
    Watches a run, as a plugin of pytest.

    Args:
        items: The tests that will be run.
    """

    def __init__(self, items: Iterable[pytest.Item] = ()) -> None:
        self.suites: dict[str, Suite] = {}
        self._items: dict[str, tuple[Suite, str, pytest.Item]] = {}
        self._declined: set[str] = set()
        for item in items:
            self._enrol(item)

    def _enrol(self, item: pytest.Item) -> None:
        cls = getattr(item, "cls", None)
        contract = None if cls is None else contract_of(cls)
        if contract is None:
            return
        name = item.nodeid.partition("[")[0].rpartition("::")[0]
        suite = self.suites.setdefault(name, Suite.of(contract, name=name))
        test = str(getattr(item, "originalname", item.name))
        if not hasattr(contract, test):
            return  # a test of the suite's own, beside the contract
        if getattr(cls, test) is not getattr(contract, test):
            suite.replaced.add(test)
        self._items[item.nodeid] = suite, test, item

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """Take note of the tests that the contract itself skips, for want of a capability."""
        # By the frame that said so: pytest gives the place of the test where a fixture has skipped.
        frames = () if call.excinfo is None else call.excinfo.traceback
        modules = [str(each.frame.f_globals.get("__name__")) for each in frames]
        said_by = next((each for each in modules[::-1] if not each.startswith("_pytest.")), "")
        if said_by.startswith(_CONTRACTS):
            self._declined.add(item.nodeid)
        return None  # the report is pytest's

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of how a test of a contract ended."""
        if report.nodeid not in self._items:
            return
        suite, test, item = self._items[report.nodeid]
        if report.skipped and not hasattr(report, "wasxfail"):
            if report.nodeid not in self._declined:
                suite.excused[item.name] = _reason(report.longrepr)
                return
            suite.not_offered[item.name] = _reason(report.longrepr)
        elif not report.passed or hasattr(report, "wasxfail"):
            suite.failed[item.name] = _claim(item)
            suite.passed.discard(item.name)  # where its fixtures complained afterwards
        elif report.when == "call":
            suite.passed.add(item.name)
        else:
            return
        suite.proven.add(test)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """In a worker of pytest-xdist, hand over what was found; there nobody shows it."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_MAIL] = [asdict(each) for each in self.suites.values()]

    def take(self, output: dict[str, Any]) -> None:
        """Take what a worker has handed over; what one found that died is not proven."""
        for part in (Suite(**each) for each in output.get(_MAIL, ())):
            self.suites.setdefault(
                part.name, Suite(part.name, part.kind, part.version, part.tests)
            ).add(part)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Show the table, and write the report that was asked for."""
        path = config.getoption("--credicorp-report")
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(json.dumps(self.document(), indent=2) + "\n", "utf-8")
        if self.begun:
            terminalreporter.section("credicorp-auth contracts")
        for suite in self.begun:
            for line in _lines(suite):
                terminalreporter.write_line(line)

    @property
    def begun(self) -> list[Suite]:
        """The suites of which something was run, before whatever interrupted the others."""
        return [each for each in self.suites.values() if each.proven or each.excused]

    def document(self) -> dict[str, Any]:
        """Return the whole report."""
        suites = [each.document() for each in self.begun]
        return {"credicorp_auth": version("credicorp-auth"), "suites": suites}


def contract_of(cls: type) -> type | None:
    """Return the contract that a class of tests is derived from, or None."""
    found = (
        each
        for each in cls.__mro__
        if each.__name__.endswith("Contract") and f"{each.__module__}.".startswith(_CONTRACTS)
    )
    return next(found, None)


def _reason(place: Any) -> str:
    return str(place[2]).removeprefix("Skipped: ")


def _claim(item: pytest.Item) -> str:
    claim = getattr(getattr(item, "function", None), "__doc__", None) or ""
    return " ".join(claim.split())


def _lines(suite: Suite) -> Iterable[str]:
    verdict = "conforms" if suite.conforms else "does not conform"
    yield f"{suite.name} {verdict} to {suite.kind} {suite.version}: {len(suite.passed)} passed"
    for test, claim in suite.failed.items():
        yield f"  failed: {test}: {claim}"
    for word, skipped in (("skipped", suite.not_offered), ("excused", suite.excused)):
        for reason in sorted(set(skipped.values())):
            yield f"  {sum(reason == each for each in skipped.values())} {word}: {reason}"
    for words, tests in (("replaced", sorted(suite.replaced)), ("not run", suite.not_run)):
        if tests:
            more = f" and {len(tests) - _SHOWN} more" if len(tests) > _SHOWN else ""
            yield f"  {words}: {', '.join(tests[:_SHOWN])}{more}"
