"""
Check types by mypy and pyright: of every package, and of code that uses them.

    python tools/typecheck.py

mypy also checks them as on Windows and macOS: a name that the system lacks is an error. It reads
the installed packages, pyright the checkout.
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

PLATFORMS = ("win32", "darwin")


def run(*arguments: str) -> int:
    """Run a module of this interpreter; return its exit code."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=False).returncode


def packages_of(platform: str) -> list[str]:
    """Return the packages but those whose `pyproject.toml` says that the platform lacks a part."""
    found: list[str] = []
    for each in listed():
        settings = tomllib.loads((each.folder / "pyproject.toml").read_text("utf-8"))
        if platform not in settings.get("tool", {}).get("credicorp-auth", {}).get("not-on", ()):
            found += each.packages
    return found


def check(names: list[str], *options: str) -> int:
    """Run mypy over packages; return its exit code."""
    return run("mypy", "--strict", *options, *(word for each in names for word in ("-p", each)))


def project() -> dict[str, object]:
    """Return pyright's configuration: that of `pyproject.toml`, with each folder of packages."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pyright"]
    return {**options, "extraPaths": [str(each.folder) for each in listed()]}


def main() -> int:
    """Run both; return the exit code of the first that failed, or 0."""
    failed = check(packages()) or run("mypy", "--strict", *USERS)
    for platform in PLATFORMS:
        # Each with a cache of its own, as a cache is of one platform.
        options = ("--platform", platform, "--cache-dir", str(ROOT / f".mypy_cache/{platform}"))
        failed = failed or check(packages_of(platform), *options)
    # pyright reads `include` relative to the folder of its configuration.
    with tempfile.NamedTemporaryFile("w", suffix=".json", dir=ROOT, prefix=".pyright-") as file:
        file.write(json.dumps(project()))
        file.flush()
        return failed or run("pyright", "--project", file.name, "--pythonpath", sys.executable)


if __name__ == "__main__":
    sys.exit(main())
