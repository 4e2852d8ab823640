"""
Check the dependencies between modules by import-linter, in the source tree.

    python tools/arrows.py

The folders of `testing` and of each plugin are put on the path. No code that is read is run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from importlinter.cli import lint_imports_command

ROOT = Path(__file__).resolve().parents[1]


if __name__ == "__main__":
    sys.path[:0] = [
        str(ROOT),
        str(ROOT / "testing"),
        *map(str, sorted((ROOT / "plugins").glob("*/"))),
    ]
    os.chdir(ROOT)  # import-linter reads its configuration here
    lint_imports_command(["--no-cache"])
