"""
Check the arrows between modules, by import-linter, on the sources as they lie.

    python tools/arrows.py

Each plugin's folder is put on the path; of what is read nothing is run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from importlinter.cli import lint_imports_command

ROOT = Path(__file__).resolve().parents[1]


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), *map(str, sorted((ROOT / "plugins").glob("*/")))]
    os.chdir(ROOT)  # where it looks for its configuration
    lint_imports_command(["--no-cache"])
