"""
The tests of the core and the plugins, in one run of pytest.

    python tools/suite.py [--cover] [PATH or option of pytest …]

Without a path, all tests run but those marked `proof`, on as many processes as there are
processors; with `--cover` their coverage is checked. With a path, only that path runs, once and
without a coverage check: a part covers a part.
"""

from __future__ import annotations

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


def side_by_side() -> list[str]:
    """Return the options for several processes: tests of one module stay together."""
    return ["-n", str(os.cpu_count() or 2), "--dist", "loadscope"]


def run(*arguments: str) -> int:
    """Run a module of this interpreter; return its exit code."""
    return subprocess.run([sys.executable, *arguments], check=False).returncode


def main(arguments: Sequence[str]) -> int:
    """Run the tests; return the exit code of the first step that failed, or 0."""
    cover, chosen = arguments[:1] == ["--cover"], list(arguments)
    if cover:
        del chosen[0]
    if chosen:
        return run(*PYTEST, *chosen)
    whole = [*PYTEST, *side_by_side()]
    if not cover:
        return run(*whole)
    with tempfile.TemporaryDirectory() as folder:
        # The children of tests read the same file.
        os.environ["COVERAGE_RCFILE"] = str(write(Path(folder) / "coverage.toml"))
        return (
            run("-m", "coverage", "run", *whole)
            or run("-m", "coverage", "combine", "--quiet")
            or run("-m", "coverage", "report")
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
