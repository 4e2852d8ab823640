"""
Wheels of this checkout: build them, and install them into the environment of this interpreter.

    python tools/wheels.py --store FOLDER [--extras NAMES] [--oldest] TARGET …
    python tools/wheels.py --editable [--extras NAMES] TARGET …

A TARGET is a folder with a `setup.cfg`, such as `plugins/NAME` or `plugins/NAME[extra]`, or a list
of them: `standard.txt`, `all.txt`. Each wheel is built from an sdist, so a file that is
missing there is missing in the tests. A wheel is built only if its sources have changed since.
Libraries come from an index; our names never do, because a stranger might own them there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Under PYTHONSAFEPATH the folder of a program is not on the path.
sys.path.append(str(Path(__file__).parent))
from distributions import CORE, ROOT, Distribution, floors, read_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--no-warn-script-location")


def sources(distribution: Distribution) -> Iterator[Path]:
    """Return the source files of a distribution: its own, and those of its packages."""
    folder = distribution.folder
    yield from (each for each in folder.iterdir() if each.is_file() and each.name[0] != ".")
    for package in distribution.packages:
        inside = (folder / package).rglob("*")
        yield from (each for each in inside if each.is_file() and each.suffix != ".pyc")


def digest(distribution: Distribution) -> str:
    """Return a digest of a distribution's sources."""
    found = hashlib.sha256()
    for path in sorted(sources(distribution)):
        content = path.read_bytes()
        name = path.relative_to(distribution.folder)
        found.update(f"{name} {len(content)}\n".encode() + content)
    return found.hexdigest()[:16]


def run(*arguments: str) -> None:
    """Run a program; show its output only if it fails."""
    ran = subprocess.run(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        sys.exit(f"{ran.stdout}\n{' '.join(arguments)}: exit code {ran.returncode}")


def wheel_of(distribution: Distribution, store: Path) -> Path:
    """Return the wheel of a distribution; build it if the store has none of these sources."""
    folder = distribution.folder
    stem = folder.name if folder != ROOT else "core"
    kept = store / f"{stem}-{digest(distribution)}"
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


class Plan:
    """
    What is to be installed together, and what an earlier run has installed.

    Args:
        chosen: The command line.
    """

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._distributions = [found for each in chosen.targets for found in read_target(each)]
        self._oldest = chosen.oldest
        self._extras = chosen.extras.split(",")
        self._note = Path(sys.prefix) / "credicorp-wheels.json"
        noted = self._note.read_text("utf-8") if self._note.is_file() else "{}"
        self._installed: dict[str, Any] = json.loads(noted)

    def extras_of(self, distribution: Distribution) -> list[str]:
        """Return the extras to install: its line's, and those asked for that it has."""
        own = set(distribution.required) - {""}
        return sorted(
            distribution.extras | (own if self._extras == ["*"] else own & {*self._extras})
        )

    def check(self) -> None:
        """Refuse a plan that would look one of our names up on an index."""
        brought = {each.name for each in self._distributions}
        for each in self._distributions:
            for requirement in each.requirements(self.extras_of(each)):
                name = re.match(r"[\w.-]+", requirement)
                if name and name[0].startswith(CORE) and name[0] not in brought:
                    sys.exit(f"{each.name} requires {name[0]}: name its folder too")

    def install_libraries(self, places: Sequence[str]) -> None:
        """Install each of ours with what it requires, if that has changed."""
        wanted = {
            "oldest": self._oldest,
            "required": [
                [each.name, *each.requirements(self.extras_of(each))]
                for each in self._distributions
            ],
        }
        if self._installed.get("libraries") == wanted:
            return
        self._note.unlink(missing_ok=True)
        full = [
            f"{place}[{','.join(extras)}]" if (extras := self.extras_of(each)) else place
            for each, place in zip(self._distributions, places, strict=True)
        ]
        if places and not places[0].endswith(".whl"):
            full = [argument for each in full for argument in ("--editable", each)]
        with tempfile.TemporaryDirectory() as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("\n".join(floors(self._distributions) if self._oldest else []))
            run(*PIP, "--constraint", str(constraints), *full)
        self._installed = {"libraries": wanted}

    def install(self, store: Path | None) -> None:
        """Install everything; from wheels in the store, or without one the folders themselves."""
        self.check()
        if store is None:
            self.install_libraries([str(each.folder) for each in self._distributions])
        else:
            wheels = [str(wheel_of(each, store)) for each in self._distributions]
            self.install_libraries(wheels)
            if self._installed.get("wheels") != wheels:
                self._note.unlink(missing_ok=True)
                run(*PIP, "--no-index", "--no-deps", "--force-reinstall", *wheels)
                self._installed["wheels"] = wheels
        self._note.write_text(json.dumps(self._installed), "utf-8")


def main(arguments: Sequence[str]) -> None:
    """Build the outdated wheels, and install them."""
    parser = argparse.ArgumentParser(prog="wheels.py")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--store", type=Path, help="where wheels are kept")
    kind.add_argument("--editable", action="store_true", help="install the folders themselves")
    parser.add_argument("--extras", default="", help="of each distribution that has them; * is all")
    parser.add_argument("--oldest", action="store_true", help="libraries at their lowest release")
    parser.add_argument("targets", nargs="+", help="folders, or lists of folders")
    chosen = parser.parse_args(arguments)
    store = chosen.store.resolve() if chosen.store else None
    if store:
        store.mkdir(parents=True, exist_ok=True)
    Plan(chosen).install(store)


if __name__ == "__main__":
    main(sys.argv[1:])
