"""
The tests of the core and the plugins, in one run of pytest.

    python tools/suite.py [--cover | --matrix] [--quick] [PATH or option of pytest …]

Without a path, all tests run but those marked `proof`, in four processes; with `--cover` their
coverage is checked, with `--matrix` the folders of tests that are about this repository and its
tools are left out, with `--quick` those marked `slow`. With a path, only that path runs, once and
without a coverage check: a part covers a part.

The tests use real servers and real time, so a machine that stands still for seconds can break one
of them. In a whole run, up to five failed tests therefore run once more, with nothing beside
them, and count as failed only if they fail again. Both runs are in the output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from coverage_config import write

if TYPE_CHECKING:
    from collections.abc import Sequence

# The last of two `-m` options counts, so the caller can select the proofs.
PYTEST = ("-m", "pytest", "--no-header", "-m", "not proof")
COVERED = ("-m", "coverage", "run")
FAILED = 1  # pytest's exit code if tests failed, and nothing else was wrong
MOST_REPEATED = 5
# A run whose worker process has crashed may never end.
WHOLE_SECONDS, REPEAT_SECONDS = 2400.0, 600.0
# Documents, sizes, the contract kit's own judgement, the scaffold: one Python tells it all.
OF_THE_REPOSITORY = ("architecture", "benchmarks", "contracts", "docs", "scaffold", "testing")


# Four processes, on any machine: the tests wait for half of their time, and each process imports
# everything first. The tests of one module stay together.
SIDE_BY_SIDE = ("-n", "4", "--dist", "loadscope")


def run(*arguments: str, seconds: float | None = None) -> int:
    """Run a module of this interpreter, for a limited time; return its exit code."""
    try:
        return subprocess.run([sys.executable, *arguments], check=False, timeout=seconds).returncode
    except subprocess.TimeoutExpired:
        print(f"it did not end within {seconds} s, and was killed", flush=True)
        return FAILED


def failures(cache: str) -> list[str]:
    """Return the tests that failed, from the cache folder of the run of pytest."""
    found = Path(cache, "v", "cache", "lastfailed")
    return sorted(json.loads(found.read_text("utf-8"))) if found.is_file() else []


def run_whole(*before: str, left_out: Sequence[str] = (), quick: bool = False) -> int:
    """Run all tests, and a few that failed once more by themselves; return the exit code."""
    ignored = [f"--ignore=tests/{each}" for each in left_out]
    if quick:
        ignored += ["-m", "not proof and not slow"]
    with tempfile.TemporaryDirectory() as cache:
        options = (*SIDE_BY_SIDE, *ignored, "-o", f"cache_dir={cache}")
        code = run(*before, *PYTEST, *options, seconds=WHOLE_SECONDS)
        failed = failures(cache)
    if code != FAILED or not 0 < len(failed) <= MOST_REPEATED:
        return code
    print("once more, with nothing beside them:", *failed, sep="\n  ", flush=True)
    return run(*before, *PYTEST, *failed, seconds=REPEAT_SECONDS)


def main(arguments: Sequence[str]) -> int:
    """Run the tests; return the exit code of the first step that failed, or 0."""
    quick = "--quick" in arguments
    chosen = [each for each in arguments if each not in {"--cover", "--matrix", "--quick"}]
    if chosen:
        return run(*PYTEST, *chosen)
    if "--cover" not in arguments:
        left_out = OF_THE_REPOSITORY if "--matrix" in arguments else ()
        return run_whole(left_out=left_out, quick=quick)
    with tempfile.TemporaryDirectory() as folder:
        # The children of tests read the same file.
        os.environ["COVERAGE_RCFILE"] = str(write(Path(folder) / "coverage.toml"))
        return (
            run_whole(*COVERED)
            or run("-m", "coverage", "combine", "--quiet")
            or run("-m", "coverage", "report")
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
