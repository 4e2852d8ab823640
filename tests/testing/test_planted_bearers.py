"""The contracts of bearers find bugs that were planted in bearers of a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_runs import pytest_of

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("suites") / "planted_bearers.py"
SECOND = "test_fault_366_the_response_to_the_repetition_is_reported"
SHARED = "test_concurrent_calls_share_a_mint"
REFUSED = "test_concurrent_401s_share_a_mint"
LEFT = "test_a_cancelled_call_leaves_the_others"
RESPONSE = "test_a_call_that_is_cancelled_amid_a_response"
REPETITION = "test_a_call_that_is_cancelled_amid_its_repetition"
CONNECTION = "test_the_connection_of_a_401_is_in_order"
HEADERS = "test_the_callers_headers_are_not_changed"
# The tests that find the bugs of each suite, the one that is most about them first.
PLANTED = {
    "TestRequestsSilent": [SECOND],
    "TestHttpxSilent": [SECOND],
    "TestRequestsUnread": [CONNECTION],
    "TestRequestsMeddling": [HEADERS],
    "TestHttpxMeddling": [HEADERS],
    "TestBlocking": [SHARED, LEFT, REPETITION],
    "TestBlocking2": [SHARED, LEFT, REPETITION],
    "TestMinting": [REFUSED],
    "TestMinting2": [REFUSED],
    "TestHurrying": [RESPONSE],
    "TestHurrying2": [RESPONSE],
}
SYNC = [SECOND, CONNECTION, HEADERS]
ASYNC = [*SYNC, SHARED, REFUSED, LEFT, RESPONSE, REPETITION]
FAITHFUL = {
    "TestRequestsFaithful": SYNC,
    "TestHttpxFaithful": SYNC,
    "TestAsyncFaithful": ASYNC,
    "TestAsync2Faithful": ASYNC,
}
ASYNC_SUITES = ("TestBlocking", "TestMinting", "TestHurrying")
# One suite for each bug, and of its tests the first: the others wait for seconds.
BRIEF = ["TestRequestsSilent", "TestRequestsUnread", "TestRequestsMeddling", "TestBlocking2", "TestMinting2", "TestHurrying2"]  # fmt: skip


def run_suites(folder, suites):
    """Run these tests of these suites; return which failed in each, and what pytest printed."""
    chosen = " or ".join(f"({suite} and ({' or '.join(tests)}))" for suite, tests in suites.items())
    ran = pytest_of(folder, SOURCE.read_text(), "-k", chosen, "--credicorp-report", "report.json", "--credicorp-limit", "15")  # fmt: skip
    reported = json.loads((folder / "report.json").read_text())["suites"]
    failed = {
        each["suite"].partition("::")[2]: {name.partition("[")[0] for name in each["failed"]}
        for each in reported
    }
    return failed, ran.stdout


@pytest.fixture(scope="module")
def brief(tmp_path_factory):
    """Run the first test of some suites, and the same tests of faithful ones."""
    suites = {suite: PLANTED[suite][:1] for suite in BRIEF}
    faithful = {"TestRequestsFaithful": SYNC, "TestAsync2Faithful": [SHARED, REFUSED, RESPONSE]}
    return run_suites(tmp_path_factory.mktemp("brief"), suites | faithful)


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Run all tests that are about planted bugs, of each suite."""
    kinds = {suite: ASYNC if suite.startswith(ASYNC_SUITES) else SYNC for suite in PLANTED}
    return run_suites(tmp_path_factory.mktemp("full"), kinds | FAITHFUL)


@pytest.mark.parametrize("suite", BRIEF)
def test_the_test_that_is_about_a_planted_bug_finds_it(brief, suite):
    """Each bug is found by the test that is about it."""
    failed, shown = brief

    assert {PLANTED[suite][0]} == failed[suite], shown


@pytest.mark.parametrize("suite", ["TestRequestsFaithful", "TestAsync2Faithful"])
def test_a_faithful_bearer_passes_these_tests(brief, suite):
    """A bearer in which nothing is planted passes the tests that find bugs in the others."""
    failed, shown = brief

    assert set() == failed[suite], shown


@pytest.mark.proof
@pytest.mark.parametrize("suite", [*PLANTED, *FAITHFUL])
def test_what_was_planted_in_a_bearer_is_found(full, suite):
    """Each bug is found by the tests that are about it, and a faithful bearer passes them."""
    failed, shown = full
    bugs = set(PLANTED.get(suite, ()))

    assert bugs <= failed[suite], shown
    assert bugs or not failed[suite], shown
