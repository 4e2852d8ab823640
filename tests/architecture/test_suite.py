"""The runner of the tests runs a few failures once more, and believes the second run."""

from __future__ import annotations

import pytest
import suite

pytestmark = pytest.mark.slow

FLAKY = """
from pathlib import Path

def test_of_a_machine_that_stood_still():
    seen = Path(__file__).with_suffix(".seen")
    first = not seen.exists()
    seen.touch()
    assert not first
"""
BROKEN = """
import pytest

@pytest.mark.parametrize("number", range({number}))
def test_of_a_fault(number):
    assert False
"""


def run(folder, monkeypatch, text):
    """Run one file of tests, as the whole suite is run; return the exit code."""
    (folder / "test_it.py").write_text(text, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  proof: p\n", "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return suite.run_whole()


@pytest.mark.parametrize(
    ("text", "code", "runs"),
    [
        pytest.param(FLAKY, 0, 2, id="failed-once"),
        pytest.param(BROKEN.format(number=2), 1, 2, id="failed-twice"),
        pytest.param(BROKEN.format(number=6), 1, 1, id="too-many"),
    ],
)
def test_a_few_failures_run_once_more(tmp_path, monkeypatch, capfd, text, code, runs):
    """A test that holds alone passed; one that fails twice, or is one of many, did not."""
    assert bool(code) == bool(run(tmp_path, monkeypatch, text))
    assert runs == capfd.readouterr().out.count("test session starts")
