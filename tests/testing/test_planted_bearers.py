"""The contracts of bearers find bugs that were planted in bearers of a few lines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_runs import pytest_of

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("suites") / "planted_bearers.py"
FOUND = "366 or cancelled or concurrent"
SECOND = {"test_fault_366_the_response_to_the_repetition_is_reported"}
SHARED = {"test_concurrent_calls_share_a_mint"}
REFUSED = {"test_concurrent_401s_share_a_mint"}
LEFT = {"test_a_cancelled_call_leaves_the_others"}
RESPONSE = {"test_a_call_that_is_cancelled_amid_a_response"}
REPETITION = {"test_a_call_that_is_cancelled_amid_its_repetition"}


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """Run the contracts' tests that are about the planted bugs; return what each suite failed."""
    folder = tmp_path_factory.mktemp("planted")
    ran = pytest_of(folder, SOURCE.read_text(), "-k", FOUND, "--credicorp-report", "report.json", "--credicorp-limit", "15")  # fmt: skip
    suites = json.loads((folder / "report.json").read_text())["suites"]
    return {each["suite"].partition("::")[2]: each["failed"].keys() for each in suites}, ran.stdout


@pytest.mark.parametrize(
    ("suite", "bugs"),
    [
        ("TestRequestsFaithful", set()),
        ("TestHttpxFaithful", set()),
        ("TestAsyncFaithful", set()),
        ("TestAsync2Faithful", set()),
        ("TestRequestsSilent", SECOND),
        ("TestHttpxSilent", SECOND),
        ("TestBlocking", SHARED | LEFT | REPETITION),
        ("TestBlocking2", SHARED | LEFT | REPETITION),
        ("TestMinting", REFUSED),
        ("TestMinting2", REFUSED),
        ("TestHurrying", RESPONSE),
        ("TestHurrying2", RESPONSE),
    ],
)
def test_what_was_planted_in_a_bearer_is_found(failed, suite, bugs):
    """Each bug is found by the tests that are about it, and a faithful bearer passes them."""
    by_suite, shown = failed

    assert bugs <= by_suite[suite], shown
    assert bugs or not by_suite[suite], shown
