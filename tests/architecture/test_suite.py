"""The runner of the tests: a few failures run once more, and a matrix leaves our tools out."""

from __future__ import annotations

from pathlib import Path

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


def run(folder, monkeypatch, text, **options):
    """Run one file of tests, as the whole suite is run; return the exit code."""
    (folder / "test_it.py").write_text(text, "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  proof: p\n  slow: s\n", "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return suite.run_whole(**options)


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


def test_a_matrix_leaves_out_folders_that_exist(tmp_path, monkeypatch, capfd):
    """On other Pythons the tests of this repository and its tools do not run again."""
    left_out = tmp_path / "tests" / "docs"
    left_out.mkdir(parents=True)
    (left_out / "test_left_out.py").write_text("def test_it():\n    assert False\n", "utf-8")
    root = Path(__file__).parents[2]

    assert [] == [each for each in suite.OF_THE_REPOSITORY if not (root / "tests" / each).is_dir()]
    assert 0 == run(
        tmp_path, monkeypatch, "def test_it(): pass\n", left_out=suite.OF_THE_REPOSITORY
    )
    assert "1 passed" in capfd.readouterr().out


def test_a_quick_run_leaves_out_what_is_slow(tmp_path, monkeypatch, capfd):
    """In CI, other Pythons run what is fast by nature."""
    text = "import pytest\ndef test_it(): pass\n@pytest.mark.slow\ndef test_slow(): assert False\n"

    assert 0 == run(tmp_path, monkeypatch, text, quick=True)
    assert "1 passed" in capfd.readouterr().out


def test_what_never_ends_is_killed(capfd):
    """The second run has a limit of its own: it fails, and the whole run goes on."""
    assert suite.FAILED == suite.run("-c", "import time; time.sleep(600)", seconds=0.5)
    assert "was killed" in capfd.readouterr().out
