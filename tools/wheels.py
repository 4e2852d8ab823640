"""
Wheels of this checkout: build them, and install them into the environment of this interpreter.

    python tools/wheels.py --store FOLDER DISTRIBUTION …

A DISTRIBUTION is a folder with a `setup.cfg`, or `all`: the core, `testing` and each folder of
`plugins/` that is a distribution. Each wheel is built from an sdist, so a file that is missing
there is missing in the tests. A wheel is built only if its sources have changed since the one in
the store was built. Wheels are installed by path and without an index, on which a stranger might
own our names.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]


def distributions() -> list[Path]:
    """Return the folders of the core, of `testing` and of each plugin that is a distribution."""
    return [
        ROOT,
        ROOT / "testing",
        *sorted(each.parent for each in (ROOT / "plugins").glob("*/setup.cfg")),
    ]


def sources(folder: Path) -> Iterator[Path]:
    """Return the source files of a distribution: its own, and those of its packages."""
    yield from (each for each in folder.iterdir() if each.is_file() and each.name[0] != ".")
    setup = ConfigParser()
    setup.read(folder / "setup.cfg", "utf-8")
    places = dict(
        map(str.strip, line.split("=", 1))
        for line in setup["options"].get("package_dir", "").strip().splitlines()
    )
    for package in setup["options"]["packages"].split():
        if "." not in package:  # the top package, which holds the others
            inside = (folder / places.get(package, package)).rglob("*")
            yield from (each for each in inside if each.is_file() and each.suffix != ".pyc")


def digest(folder: Path) -> str:
    """Return a digest of a distribution's sources."""
    found = hashlib.sha256()
    for path in sorted(sources(folder)):
        content = path.read_bytes()
        found.update(f"{path.relative_to(folder)} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


def run(*arguments: str) -> None:
    """Run a program; show its output only if it fails."""
    ran = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        sys.exit(f"{ran.stdout}\n{' '.join(arguments)}: exit code {ran.returncode}")


def wheel_of(folder: Path, store: Path) -> Path:
    """Return the wheel of a distribution; build it if the store has none of these sources."""
    stem = folder.name if folder != ROOT else "core"
    kept = store / f"{stem}-{digest(folder)}"
    if not kept.is_dir():
        for old in store.glob(f"{stem}-*"):
            shutil.rmtree(old, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=store) as building:
            run(
                sys.executable, "-m", "build", "--no-isolation", "--outdir", f"{building}/dist",
                str(folder),
            )  # fmt: skip
            try:
                Path(building, "dist").rename(kept)
            except OSError:  # another environment was faster
                if not kept.is_dir():
                    raise
    return next(kept.glob("*.whl"))


def install(wheels: Sequence[Path]) -> None:
    """Install wheels, unless the same wheels were installed last."""
    note, wanted = Path(sys.prefix) / "credicorp-wheels.json", json.dumps(list(map(str, wheels)))
    if note.is_file() and note.read_text("utf-8") == wanted:
        return
    note.unlink(missing_ok=True)
    flags = "--quiet --no-index --no-deps --force-reinstall --no-warn-script-location"
    run(sys.executable, "-m", "pip", "install", *flags.split(), *map(str, wheels))
    note.write_text(wanted, "utf-8")


def main(arguments: Sequence[str]) -> None:
    """Build the outdated wheels, and install them."""
    parser = argparse.ArgumentParser(prog="wheels.py")
    parser.add_argument("--store", type=Path, required=True, help="where wheels are kept")
    parser.add_argument("distributions", nargs="+", help="folders, or `all`")
    chosen = parser.parse_args(arguments)
    chosen.store.mkdir(parents=True, exist_ok=True)
    folders = [
        found
        for each in chosen.distributions
        for found in (distributions() if each == "all" else [Path(each).resolve()])
    ]  # fmt: skip
    install([wheel_of(each, chosen.store.resolve()) for each in folders])


if __name__ == "__main__":
    main(sys.argv[1:])
