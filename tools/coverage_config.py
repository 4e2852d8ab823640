"""
Configuration of coverage: that of `pyproject.toml`, with the packages of every distribution.

    python tools/coverage_config.py FILE
    python -m coverage run --rcfile FILE -m pytest …
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from distributions import ROOT, packages


def configuration() -> str:
    """Return the configuration, in TOML."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["coverage"]
    found["run"]["source_pkgs"] = packages()
    # JSON's booleans, numbers, texts and lists are TOML's too.
    return "\n".join(
        line
        for title, table in found.items()
        for line in (
            f"[tool.coverage.{title}]",
            *(f"{name} = {json.dumps(value)}" for name, value in table.items()),
        )
    )


def write(path: Path) -> Path:
    """Write the configuration to a file whose name ends in `.toml`; return the file."""
    path.write_text(configuration(), "utf-8")
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]))
