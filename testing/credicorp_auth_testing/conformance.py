"""Conformance report of adapters: a short table at the end of a test run, and JSON."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from attrs import asdict, define, field

from credicorp_auth_testing.contracts import NOT_OFFERED

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

_CONTRACTS = "credicorp_auth_testing.contracts."
_SHOWN = 5  # names in a line; the JSON report has them all
_MAIL = "credicorp_auth_contracts"  # key of a pytest-xdist worker's results


@define
class Suite:
    """
    One adapter's run of its contract.

    Args:
        name: The node id of the adapter's test class.
        kind: The kind of adapter that the contract is for.
        version: The version of the contract: see `docs/how-to/test-an-adapter.md`.
        tests: Names of the contract's tests.
        passed: The tests that passed.
        failed: The tests that failed, with their claims.
        not_offered: The tests of capabilities that the adapter does not declare, with the reason.
        excused: The cases that the suite itself skipped, with its reason.
        replaced: The contract's tests that the suite overrides.
        proven: Names of the contract's tests of which at least one case passed, failed or needs a
            capability that is not declared.
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
        """Return an empty run of a contract."""
        words = re.findall(r"[A-Z][a-z0-9]*", contract.__name__)
        version = str(getattr(contract, "contract_version", "1.0"))
        tests = {each for each in dir(contract) if each.startswith("test")}
        return cls(name, " ".join(words[:-1]).lower(), version, tests)

    def add(self, part: Suite) -> None:
        """Add the results of another process."""
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
        """The tests of the contract of which no case was run."""
        return sorted(self.tests - self.proven)

    @property
    def conforms(self) -> bool:
        """True if the adapter passed the whole contract, as far as its capabilities go."""
        return not (self.failed or self.replaced or self.not_run)

    def document(self) -> dict[str, Any]:
        """Return the run as an object of the JSON report."""
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
    A pytest plugin that records the results of contracts.

    Args:
        items: The tests of the run.
    """

    def __init__(self, items: Iterable[pytest.Item] = ()) -> None:
        self.suites: dict[str, Suite] = {}
        self._items: dict[str, tuple[Suite, str, pytest.Item]] = {}
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
            return  # an additional test of the suite
        if getattr(cls, test) is not getattr(contract, test):
            suite.replaced.add(test)
        self._items[item.nodeid] = suite, test, item

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the result of a contract's test."""
        if report.nodeid not in self._items:
            return
        suite, test, item = self._items[report.nodeid]
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = _reason(report.longrepr)
            if not reason.startswith(NOT_OFFERED):
                suite.excused[item.name] = reason
                return
            suite.not_offered[item.name] = reason.removeprefix(NOT_OFFERED)
        elif not report.passed or hasattr(report, "wasxfail"):
            suite.failed[item.name] = _claim(item)
            suite.passed.discard(item.name)  # if a fixture fails afterwards
        elif report.when == "call":
            suite.passed.add(item.name)
        else:
            return
        suite.proven.add(test)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Pass on the results of a pytest-xdist worker, which shows no report itself."""
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[_MAIL] = [asdict(each) for each in self.suites.values()]

    def take(self, output: dict[str, Any]) -> None:
        """Add the results of a worker; the results of a worker that died are missing."""
        for part in (Suite(**each) for each in output.get(_MAIL, ())):
            self.suites.setdefault(
                part.name, Suite(part.name, part.kind, part.version, part.tests)
            ).add(part)

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        """Show the table, and write the report if one is requested."""
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
        """The suites that were run at least in part, so that an interrupted run has a report."""
        return [each for each in self.suites.values() if each.proven or each.excused]

    def document(self) -> dict[str, Any]:
        """Return the whole report."""
        suites = [each.document() for each in self.begun]
        return {"credicorp_auth": version("credicorp-auth"), "suites": suites}


def contract_of(cls: type) -> type | None:
    """Return the contract from which a test class is derived, or None."""
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
