"""
Check the dependencies between modules by import-linter, in the source tree.

    python tools/arrows.py

The contracts are in `pyproject.toml`, where `plugins/*` stands for the packages of all plugins and
`*` for those of all distributions. Each distribution's folder is put on the path. No code that is
read is run.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from importlinter.cli import lint_imports_command

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from distributions import ROOT, listed, packages, plugin_packages


def expand(value: Any, lists: dict[str, list[str]]) -> Any:  # noqa: ANN401 - a value of TOML
    """Return a setting with each placeholder in its lists replaced by what it means."""
    if isinstance(value, dict):
        return {name: expand(each, lists) for name, each in value.items()}
    if not isinstance(value, list):
        return value
    found: list[Any] = []
    for each in value:
        found += lists[each] if isinstance(each, str) and each in lists else [expand(each, lists)]
    return found


def configuration() -> str:
    """Return the configuration of import-linter, in TOML."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    found = expand(found, {"*": packages(), "plugins/*": plugin_packages()})
    tables = [("[tool.importlinter]", found)]
    tables += [("[[tool.importlinter.contracts]]", each) for each in found.pop("contracts")]
    # JSON's booleans, texts and lists are TOML's too.
    return "\n".join(
        line
        for title, table in tables
        for line in (title, *(f"{name} = {json.dumps(value)}" for name, value in table.items()))
    )


if __name__ == "__main__":
    sys.path[:0] = [str(each.folder) for each in listed()]
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "contracts.toml").write_text(configuration(), "utf-8")
        lint_imports_command(["--no-cache", f"{folder}/contracts.toml"])
