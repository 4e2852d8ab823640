"""
Each plugin beside the core and nothing else: its own tests, in an environment of its own.

    python tools/alone.py --store FOLDER --work FOLDER [PLUGIN …]

What a plugin forgets to require is missing here. Each plugin gets the core, the distributions of
`all.txt` that are no plugins, the adapters of `standard.txt`, and the newest of its own libraries.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from distributions import ROOT, Distribution, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTRAS = "cli,test"


def beside(plugin: Distribution) -> list[str]:
    """Return the distributions to install with a plugin, itself included."""
    standard = listed("standard.txt")
    wanted = [each for each in listed() if each in standard or each == plugin or not each.is_plugin]
    return [
        f"{each.folder}[{','.join(sorted(each.extras))}]" if each.extras else str(each.folder)
        for each in wanted
    ]


def check(plugin: Distribution, store: Path, work: Path) -> int:
    """Run the tests of one plugin in a new environment; return the exit code."""
    place = work / plugin.folder.name
    venv.create(place, clear=True, with_pip=True)
    python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
    steps: list[list[str]] = [
        ["-m", "pip", "install", "--quiet", "-r", str(ROOT / "tools" / "requirements.txt")],
        [
            str(ROOT / "tools" / "wheels.py"), "--store", str(store), "--extras", EXTRAS,
            *beside(plugin),
        ],
        ["-m", "pip", "check"],
        [str(ROOT / "tools" / "suite.py"), str(plugin.folder)],
    ]  # fmt: skip
    codes = (subprocess.run([python, *each], cwd=ROOT, check=False).returncode for each in steps)
    return next((code for code in codes if code), 0)


def main(arguments: Sequence[str]) -> int:
    """Check the plugins in turn; return how many failed."""
    parser = argparse.ArgumentParser(prog="alone.py")
    parser.add_argument("--store", type=Path, required=True, help="where wheels are kept")
    parser.add_argument("--work", type=Path, required=True, help="where environments are made")
    parser.add_argument("plugins", nargs="*", help="folders in plugins/; all by default")
    chosen = parser.parse_args(arguments)
    plugins = [each for each in listed() if each.is_plugin]
    if chosen.plugins:
        plugins = [each for each in plugins if each.folder.name in chosen.plugins]
    failed = [
        each.folder.name for each in plugins if check(each, chosen.store.resolve(), chosen.work)
    ]
    print(f"{len(plugins)} plugins alone; failed: {', '.join(failed) or 'none'}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
