"""
Check types by mypy and pyright: of every package, and of code that uses them.

    python tools/typecheck.py

mypy reads the installed packages, pyright the checkout.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from distributions import ROOT, listed, packages

USERS = ("tests/typing", "demo")


def run(*arguments: str) -> int:
    """Run a module of this interpreter; return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False).returncode


def project() -> dict[str, object]:
    """Return pyright's configuration: that of `pyproject.toml`, with each folder of packages."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pyright"]
    return {**options, "extraPaths": [str(each.folder) for each in listed()]}


def main() -> int:
    """Run both; return the exit code of the first that failed, or 0."""
    chosen = [word for each in packages() for word in ("-p", each)]
    failed = run("mypy", "--strict", *chosen) or run("mypy", "--strict", *USERS)
    # pyright reads `include` relative to the folder of its configuration.
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=ROOT, prefix=".pyright-") as file:
        file.write(json.dumps(project()))
        file.flush()
        return failed or run("pyright", "--project", file.name, "--pythonpath", sys.executable)


if __name__ == "__main__":
    sys.exit(main())
