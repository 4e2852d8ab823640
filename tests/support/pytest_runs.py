"""Runs of pytest on one file, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def pytest_of(folder, source, *arguments):
    """Run pytest in a folder of its own on one file; return how it ended."""
    (folder / "test_it.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "test_it.py", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )  # fmt: skip
