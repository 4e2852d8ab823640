"""
Import every module of some packages where names of the system are missing.

    python import_all.py SYSTEM PACKAGE…

It prints JSON: the number of modules, and the error of each that cannot be imported.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from vanish import take_away

SYSTEM, PACKAGES = sys.argv[1], sys.argv[2:]
take_away(SYSTEM)

import json  # noqa: E402 - the names must be gone first
import pkgutil  # noqa: E402 - as above
from importlib import import_module  # noqa: E402 - as above


def main() -> None:
    """Import all, and print what failed."""
    names, failed = list(PACKAGES), {}
    for package in map(import_module, PACKAGES):
        found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        names += [each.name for each in found if not each.name.endswith("__main__")]
    for name in names:
        try:
            import_module(name)
        except Exception as error:  # noqa: BLE001 - printed, of any kind
            failed[name] = repr(error)
    print(json.dumps({"count": len(names), "failed": failed}))


main()
