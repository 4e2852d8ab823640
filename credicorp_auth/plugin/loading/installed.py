"""Entry points of installed distributions, and the distributions that own them."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors.install import CORE
from credicorp_auth.plugin.api import Provider
from credicorp_auth.plugin.loading.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint
    from os import PathLike
    from pathlib import Path

    from credicorp_auth.plugin.loading.kinds import Kind, OwnAdapter

_OURS: Final = "credicorp_auth."  # prefix of the groups of all kinds

PLUGINS_VARIABLE: Final = "CREDICORP_PLUGINS"
"""Variable with the operator's allowlist of adapters, observers and added commands."""


def read_allowlist(environ: Mapping[str, str]) -> list[str] | None:
    """Return the names in the operator's allowlist; None if the variable is not set."""
    listed = environ.get(PLUGINS_VARIABLE)
    return None if listed is None else listed.replace(",", " ").split()


@cache
def installed_entry_points() -> tuple[EntryPoint, ...]:
    """
    List the entry points of every kind, once per process: a scan takes some 50 ms.

    Distributions are read one by one, so that one with damaged metadata hides no other. Our own
    adapters are found by their modules if their metadata is missing.
    """
    found: dict[str, list[EntryPoint]] = {}
    for each in distributions():
        with suppress(Exception):
            ours = [point for point in each.entry_points if point.group.startswith(_OURS)]
            if ours:
                # Of two with the same name, the first on the path is the one that is imported.
                found.setdefault(owner_of(ours[0]), ours)
    return (
        *(point for points in found.values() for point in points),
        *_without_metadata(frozenset(found)),
    )


def claims_of(found: Iterable[EntryPoint], group: str) -> dict[str, list[EntryPoint]]:
    """Return the entry points of a group by name; the same one may occur twice on the path."""
    claims: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for each in found:
        if each.group == group:
            claims.setdefault(each.name, {})[owner_of(each), each.value] = each
    return {name: list(claims[name].values()) for name in sorted(claims)}


def owner_of(entry_point: EntryPoint) -> str:
    """Return the name of the distribution that owns an entry point, as PyPI normalizes it."""
    return re.sub(r"[-_.]+", "-", _metadata_of(entry_point, "Name")).lower()


def provider_of(entry_point: EntryPoint) -> Provider:
    """Return the name, distribution and version of an entry point's adapter."""
    return Provider(entry_point.name, owner_of(entry_point), _metadata_of(entry_point, "Version"))


def is_metadata_missing(name: str = CORE) -> bool:
    """Return whether a distribution has no metadata, as in frozen and slimmed deployments."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return True
    return False


class UndescribedDistribution(Distribution):
    """A distribution of ours that is importable, but whose metadata was left out."""

    def __init__(self, kind: Kind, adapter: OwnAdapter) -> None:
        self._files = {
            "METADATA": f"Name: {adapter.distribution}\n",
            "entry_points.txt": f"[{kind.group}]\n{adapter.name} = {adapter.module}\n",
        }

    def read_text(self, filename: str) -> str | None:
        """Return the text of a metadata file."""
        return self._files.get(filename)

    def locate_file(self, path: str | PathLike[str]) -> Path:
        """Refuse: nothing lists its files."""
        raise NotImplementedError


def _without_metadata(described: frozenset[str]) -> list[EntryPoint]:
    """Return entry points for our adapters that can be imported, but have no metadata."""
    return [
        point
        for kind in KINDS
        for each in kind.own
        if each.distribution not in described and is_importable(each.package)
        for point in UndescribedDistribution(kind, each).entry_points
    ]


def is_importable(package: str) -> bool:
    """Return whether a package can be found; its code does not run."""
    with suppress(Exception):  # finders of third parties may fail in any way
        return find_spec(package) is not None
    return False


def _metadata_of(entry_point: EntryPoint, name: str) -> str:
    """Read one metadata field of a distribution; empty if the field or the metadata is missing."""
    with suppress(Exception):
        return _fields_of(entry_point.dist).get(name, "") if entry_point.dist else ""
    return ""


@lru_cache(maxsize=256)
def _fields_of(described: Distribution) -> dict[str, str]:
    """Read the fields before the long description, which takes most of the time to parse."""
    text = described.read_text("METADATA") or described.read_text("PKG-INFO") or ""
    # Backwards, so that the first of two counts.
    lines = reversed(text.partition("\n\n")[0].splitlines())
    parts = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in parts}
