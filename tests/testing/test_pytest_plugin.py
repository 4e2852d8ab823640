"""What pytest gives to anyone who has credicorp-auth installed: fixtures, and a report of contracts."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

import credicorp_auth
from credicorp_auth import CredicorpAuth, Settings, errors
from credicorp_auth.http.messages import HttpRequest
from credicorp_auth_testing.echo import EchoTransport, build_offline
from credicorp_auth_testing.sandbox import Fault
from pytest_runs import pytest_of

pytestmark = pytest.mark.slow

SUITES = Path(__file__).with_name("suites")


def small_source():
    """Return the stand-in suites, behind the import by which a contract is noticed."""
    source = (SUITES / "stand_in.py").read_text()
    return source.replace(
        "import pytest\n", "import pytest\n\nimport credicorp_auth_testing.contracts\n"
    )


def test_a_run_without_us_costs_nothing(tmp_path):
    """Where no fixture is asked for and no contract collected, next to nothing of ours is imported."""
    source = """
import sys
def test_imports():
    ours = {each for each in sys.modules if each.startswith("credicorp_auth")}
    allowed = {"credicorp_auth", "credicorp_auth_testing", "credicorp_auth_testing.pytest_plugin"}
    assert {each for each in ours - allowed if not each.startswith("credicorp_auth.errors")} == set()
"""
    ran = pytest_of(tmp_path, source)

    assert 0 == ran.returncode, ran.stdout
    assert "credicorp-auth contracts" not in ran.stdout


def test_offline(credicorp_auth_offline, credicorp_clock):
    """Offline, tokens are granted as asked for, reused, and renewed as the clock is moved."""
    first = credicorp_auth_offline.get_token("a b")
    again = credicorp_auth_offline.get_token("b a")
    credicorp_clock.advance(3601)
    second = credicorp_auth_offline.get_token("a b")

    assert first is again
    assert ("offline-1", "offline-2") == (first.value.reveal(), second.value.reveal())
    assert credicorp_auth.Scope("a b") == first.scope
    assert credicorp_auth.Scope() == credicorp_auth_offline.get_token().scope


def test_offline_nothing_else_is_answered():
    """The echo knows token requests and nothing else."""
    assert (
        404 == EchoTransport().send(HttpRequest("GET", "https://as.example/", {}), timeout=1).status
    )


def test_offline_settings_may_be_given():
    """What a test needs otherwise it sets; what it sets counts."""
    echo = EchoTransport(expires_in=60)
    with build_offline(scope="a", transport=echo) as auth:
        token = auth.get_token()
        echo.after_fork()
        threads = [threading.Thread(target=auth.get_token, args=(f"s{each}",)) for each in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (60, "a") == (token.lifetime, str(token.scope))
    assert 5 == echo.mints


@pytest.fixture
def developers_own(monkeypatch):
    """Set a variable as a developer has it set."""
    monkeypatch.setenv("CREDICORP_PROFILE", "my-own")


def test_the_sandbox_is_where_the_variables_point(developers_own, credicorp_sandbox):
    """Code that builds its own `CredicorpAuth` from the environment meets the sandbox."""
    with CredicorpAuth.from_env(scope="decisions:read") as auth:
        token = auth.get_token()

    assert token.value.reveal().startswith("eyJ")
    assert 1 == credicorp_sandbox.counters["token_requests"]
    assert {"CREDICORP_BASE_URL", "CREDICORP_CLIENT_ID", "CREDICORP_CLIENT_SECRET"} == {
        each for each in os.environ if each.startswith("CREDICORP_")
    }


def test_faults_on_demand_and_a_clock_that_moves(credicorp_sandbox, credicorp_clock):
    """A fault of the server is met and waited out in no time."""
    credicorp_sandbox.switches.fail_next(
        [
            Fault(503),
            Fault(
                400,
                body='{"error": "invalid_client"}',
                headers={"Content-Type": "application/json"},
            ),
        ]
    )
    settings = Settings(
        base_url=credicorp_sandbox.base_url,
        client_id=credicorp_sandbox.client_id,
        client_secret=credicorp_sandbox.client_secret,
    )
    with (
        CredicorpAuth.from_settings(settings, clock=credicorp_clock) as auth,
        pytest.raises(errors.InvalidClient),
    ):
        auth.get_token()

    assert 2 == credicorp_sandbox.counters["token_requests"]
    assert [] != credicorp_clock.waited


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Run the suites of the small contract once."""
    folder = tmp_path_factory.mktemp("small")
    ran = pytest_of(folder, small_source(), "--credicorp-report", "report.json")
    document = json.loads((folder / "report.json").read_text())
    return ran, {each["suite"].partition("::")[2]: each for each in document["suites"]}, document


def test_an_adapter_that_passes_conforms(small):
    """All tests of the contract passed: it conforms, to a version that is told."""
    ran, suites, document = small
    good = suites["TestGood"]

    assert (True, 3, "small thing", "2.1") == (
        good["conforms"],
        good["passed"],
        good["kind"],
        good["contract_version"],
    )
    assert "test_it.py::TestGood conforms to small thing 2.1: 3 passed" in ran.stdout
    assert document["credicorp_auth"]


def test_a_failure_is_told_with_what_was_claimed(small):
    """A test that failed is listed with its claim, in words."""
    ran, suites, _ = small

    assert {"test_one": "One is one.", "test_numbers[1]": "Numbers are numbers."} == suites[
        "TestBad"
    ]["failed"]
    assert "  failed: test_one: One is one." in ran.stdout


@pytest.mark.parametrize(
    ("suite", "member", "value"),
    [
        ("TestReplacing", "replaced", ["test_one"]),
        ("TestExcused", "not_run", ["test_numbers", "test_one"]),
        ("TestExpectedToFail", "passed", 0),
        ("TestUntidy", "passed", 0),
    ],
)
def test_no_excuse_counts(small, suite, member, value):
    """Tests that a suite replaced, skipped by itself, expects to fail or leaves untidy do not conform."""
    _, suites, _ = small

    assert value == suites[suite][member]
    assert not suites[suite]["conforms"]


def test_a_single_case_may_be_excused(small):
    """A suite may skip a case of a test; the report has its reason, and the adapter conforms."""
    ran, suites, _ = small
    emitted = suites["TestExcusedOnce"]

    assert ({"test_numbers[2]": "there is no room for two"}, True) == (
        emitted["excused"],
        emitted["conforms"],
    )
    assert "  1 excused: there is no room for two" in ran.stdout


def test_a_fixture_of_the_suite_is_not_the_contract(tmp_path):
    """Whose tests of a real contract are skipped by a fixture of its own does not conform."""
    source = """
import pytest
from credicorp_auth_testing.contracts.cache import CacheContract

class TestSkipping(CacheContract):
    @pytest.fixture(autouse=True)
    def _excuse(self):
        pytest.skip("no time")
"""
    ran = pytest_of(tmp_path, source)

    assert "TestSkipping does not conform to cache 2.0: 0 passed" in ran.stdout
    assert " excused: no time" in ran.stdout
    assert " skipped: no time" not in ran.stdout


def test_workers_report_together(small, tmp_path):
    """Divided over workers by pytest-xdist, the same tests give the same report."""
    ran = pytest_of(tmp_path, small_source(), "-n", "2", "--credicorp-report", "report.json")
    _, suites, _ = small
    together = json.loads((tmp_path / "report.json").read_text())["suites"]

    assert suites == {each["suite"].partition("::")[2]: each for each in together}
    assert 1 == ran.stdout.count("test_it.py::TestGood conforms to small thing 2.1: 3 passed")


def test_workers_without_contracts_report_nothing(tmp_path):
    """A divided run that has none of ours hears nothing of us."""
    ran = pytest_of(tmp_path, "def test_it(): pass\n", "-n", "1")

    assert 0 == ran.returncode
    assert "credicorp-auth contracts" not in ran.stdout


def test_a_contract_nobody_derives_from_is_no_report(tmp_path):
    """Where a contract is imported and not used, nothing is said of it."""
    ran = pytest_of(tmp_path, "import credicorp_auth_testing.contracts\ndef test_it(): pass\n")

    assert 0 == ran.returncode
    assert "credicorp-auth contracts" not in ran.stdout


def test_a_report_that_was_asked_for_is_written(tmp_path):
    """A report without any suite is written too, in a folder that is made for it; listing tests writes none."""
    listed = pytest_of(tmp_path, small_source(), "--collect-only", "--credicorp-report", "a/r.json")
    ran = pytest_of(tmp_path, "def test_it(): pass\n", "--credicorp-report", "b/r.json")

    assert (0, 0) == (listed.returncode, ran.returncode)
    assert "credicorp-auth contracts" not in listed.stdout
    assert not (tmp_path / "a").exists()
    assert [] == json.loads((tmp_path / "b" / "r.json").read_text())["suites"]


def test_a_run_that_was_stopped_tells_what_was_run(tmp_path):
    """Suites that an interruption left no time for are not called names."""
    ran = pytest_of(tmp_path, small_source(), "-x", "-k", "TestBad or TestGood")

    assert "TestBad does not conform" in ran.stdout
    assert "TestGood conforms" in ran.stdout
    assert "TestReplacing" not in ran.stdout
    (tmp_path / "test_that.py").write_text("1 / 0")
    interrupted = pytest_of(tmp_path, small_source(), "test_that.py")
    assert 2 == interrupted.returncode
    assert "credicorp-auth contracts" not in interrupted.stdout


def test_a_part_of_a_contract_is_not_the_contract(tmp_path):
    """A run of some of the tests does not conform; the report names what was left out."""
    ran = pytest_of(tmp_path, small_source(), "-k", "TestGood and test_one")

    assert 0 == ran.returncode
    assert "TestGood does not conform to small thing 2.1: 1 passed" in ran.stdout
    assert "  not run: test_numbers" in ran.stdout


IN_A_HURRY = [
    (
        "bad_transport",
        "test_fault_037 or test_fault_005_006 or test_fault_001",
        "A redirect is returned as it came, and its target gets no request.",
        "it declares no total deadline",
    ),
    (
        "bad_cache",
        "test",
        "Not a byte is changed, and the answer is bytes.",
        "it declares no leases",
    ),
    (
        "trusting_cache",
        "made or no_lease_has_had or numbers_grow or it_has_the_methods or declares or lists_nothing",
        "For any number in an entry, what is made under an acquired lease is kept.",
        "it declares no list",
    ),
    (
        "bad_secret_source",
        "test",
        "Neither the source nor what it fetched shows a value, however it is looked at.",
        "it declares that it never rotates",
    ),
]


@pytest.mark.parametrize(("suite", "chosen", "claim", "reason"), IN_A_HURRY, ids=[f"345-{each[0]}" for each in IN_A_HURRY])  # fmt: skip
def test_fault_345_an_adapter_written_in_a_hurry(tmp_path, suite, chosen, claim, reason):
    """345: a bad adapter fails the contract, with claims that a stranger understands."""
    source = (SUITES / f"{suite}.py").read_text()
    ran = pytest_of(tmp_path, source, "-k", chosen, "--credicorp-report", "report.json")
    (emitted,) = json.loads((tmp_path / "report.json").read_text())["suites"]

    assert 1 == ran.returncode
    assert not emitted["conforms"]
    assert claim in emitted["failed"].values()
    assert reason in emitted["not_offered"].values()
    assert f"{claim}\n" in ran.stdout
    assert "INTERNALERROR" not in ran.stdout
    # The reason is told in the words of the assertion, not as a bare AssertionError.
    assert "E       AssertionError\n" not in ran.stdout
