"""
Distributions of this checkout: folders, packages and requirements, read from their own metadata.

`all.txt` lists them, `standard.txt` those that the defaults need. What has to be said of each
distribution (which packages are measured, typed, linked, built) is derived from these lists.
"""

from __future__ import annotations

import re
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
CORE = "credicorp-auth"
_LINE = re.compile(r"(?P<folder>[^\[\]]+)(?:\[(?P<extras>[^\[\]]*)\])?")
_FLOOR = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?>=([\w.]+)$")


@dataclass(frozen=True)
class Distribution:
    """
    A distribution of ours.

    Args:
        folder: The folder with its `setup.cfg`.
        extras: The extras to install with it.
    """

    folder: Path
    extras: frozenset[str] = frozenset()

    @property
    def setup(self) -> ConfigParser:
        """Its metadata."""
        setup = ConfigParser()
        setup.read(self.folder / "setup.cfg", "utf-8")
        return setup

    @property
    def name(self) -> str:
        """Its name."""
        return self.setup["metadata"]["name"]

    @property
    def is_plugin(self) -> bool:
        """Whether it holds adapters."""
        return self.folder.parent.name == "plugins"

    @property
    def packages(self) -> list[str]:
        """Its top-level packages."""
        return [each for each in self.setup["options"]["packages"].split() if "." not in each]

    @property
    def required(self) -> dict[str, list[str]]:
        """Its requirements by extra; those that it always has under the empty name."""
        setup, extras = self.setup, {}
        if setup.has_section("options.extras_require"):
            extras = dict(setup["options.extras_require"])
        always = setup["options"].get("install_requires", "")
        return {"": always.split("\n"), **{name: extras[name].split("\n") for name in extras}}

    def requirements(self, extras: Iterable[str]) -> Iterator[str]:
        """Yield what it requires always, and with these extras."""
        required = self.required
        for name in ("", *extras):
            yield from filter(None, required.get(name, ()))


def read_target(target: str, root: Path = ROOT) -> list[Distribution]:
    """
    Return the distributions of a line of `all.txt`: a folder, `folder[extras]`, `-r` another list.

    Args:
        target: The line, or the name of a list.
        root: What folders are relative to.

    Raises:
        ValueError: It is none of these.
    """
    target = target.removeprefix("-r").strip()
    if target.endswith(".txt"):
        return listed(target, root)
    found = _LINE.fullmatch(target)
    folder = root / found["folder"] if found else root / target
    if found is None or not (folder / "setup.cfg").is_file():
        message = f"{target!r} is no folder of a distribution"
        raise ValueError(message)
    extras = re.split(r"[,\s]+", (found["extras"] or "").strip())
    return [Distribution(folder.resolve(), frozenset(filter(None, extras)))]


def listed(name: str = "all.txt", root: Path = ROOT) -> list[Distribution]:
    """Return the distributions that a list names, in its order."""
    lines = (
        line.partition("#")[0].strip() for line in (root / name).read_text("utf-8").split("\n")
    )
    return [found for line in lines if line for found in read_target(line, root)]


def packages(root: Path = ROOT) -> list[str]:
    """Return the packages of all distributions, the core's first."""
    return [package for each in listed(root=root) for package in each.packages]


def plugin_packages(root: Path = ROOT) -> list[str]:
    """Return the packages of the plugins."""
    return [package for each in listed(root=root) if each.is_plugin for package in each.packages]


def floors(distributions: Iterable[Distribution]) -> list[str]:
    """Return constraints that hold each library to the lowest release that is supported."""
    # What only runs tests may be of any release.
    runners = ("pytest", "trustme")
    found = {
        match
        for each in distributions
        for requirement in each.requirements(set(each.required) - {"", "test"})
        for match in _FLOOR.findall(requirement)
    }
    others = (each for each in found if not each[0].startswith((CORE, *runners)))
    return sorted(f"{name}=={floor}" for name, floor in others)
