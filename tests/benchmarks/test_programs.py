"""The benchmarks run, at a hundredth of their size; what they find is judged in full, as a proof."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("program", "size", "reported"),
    [
        ("overhead.py", ["2", "4"], ["urllib3", "requests", "httpx sync", "httpx2 async"]),
        ("startup.py", ["1"], ["smallest program, urllib3", "building one", "fresh requests call"]),
        ("verification.py", ["1"], ["RS256", "ES256", "EdDSA", "credicorp-auth, first"]),
    ],
)
def test_a_benchmark_runs(program, size, reported):
    """Each case is measured and told; the exit code says whether targets were met, and no more."""
    ran = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / program), *size],
        env={
            **{name: each for name, each in os.environ.items() if not name.startswith("COVERAGE_")},
            "PYTHONPATH": f"{ROOT / 'benchmarks'}:{ROOT / 'tools'}",
            "NO_PROXY": "*",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )

    assert ran.returncode in {0, 1}, ran.stderr
    assert "" == ran.stderr
    assert [] == [each for each in reported if each not in ran.stdout]
