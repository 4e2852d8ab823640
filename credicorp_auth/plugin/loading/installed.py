"""Entry points of installed distributions, and the distributions that own them."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any, Final

from credicorp_auth.plugin.api import Provider

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_OURS: Final = "credicorp_auth."  # prefix of the groups of all kinds


@cache
def installed_entry_points() -> tuple[EntryPoint, ...]:
    """
    List the entry points of every kind, once per process: a scan takes some 50 ms.

    Distributions are read one by one, so that one with damaged metadata hides no other.
    """
    found: dict[str, list[EntryPoint]] = {}
    for each in distributions():
        with suppress(Exception):
            ours = [point for point in each.entry_points if point.group.startswith(_OURS)]
            if ours:
                # Of two with the same name, the first on the path is the one that is imported.
                found.setdefault(owner_of(ours[0]), ours)
    return tuple(point for points in found.values() for point in points)


def owner_of(entry_point: EntryPoint) -> str:
    """Return the name of the distribution that owns an entry point, as PyPI normalizes it."""
    return re.sub(r"[-_.]+", "-", _metadata_of(entry_point, "Name")).lower()


def provider_of(entry_point: EntryPoint) -> Provider:
    """Return the name, distribution and version of an entry point's adapter."""
    return Provider(entry_point.name, owner_of(entry_point), _metadata_of(entry_point, "Version"))


def _metadata_of(entry_point: EntryPoint, name: str) -> str:
    """Read one metadata field of a distribution; empty if the field or the metadata is missing."""
    values: list[Any] | None = None
    with suppress(Exception):
        values = entry_point.dist.metadata.get_all(name) if entry_point.dist else None
    return str(values[0]) if values else ""
