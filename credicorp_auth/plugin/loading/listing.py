"""
List of all adapters with their status, made without importing any of them.

It is read from the metadata of distributions, and so runs no code of third parties. A flaw that
needs an import to be seen is found when an adapter is loaded.
"""

from __future__ import annotations

import re
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING

from attrs import frozen

from credicorp_auth.plugin.api import Provider
from credicorp_auth.plugin.loading.installed import is_importable, provider_of
from credicorp_auth.plugin.loading.kinds import KINDS, Kind
from credicorp_auth.plugin.loading.registry import dispute_of, install_hint, is_disputed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from importlib.metadata import EntryPoint

    from credicorp_auth.plugin.loading.registry import Registry

_REQUIREMENT = re.compile(
    r"^credicorp[-_.]+auth(?![-_.\w])\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)", re.IGNORECASE
)


class AdapterStatus(Enum):
    """Status of an adapter: the result that naming it would have."""

    AVAILABLE = "available"
    ACTIVE = "active"
    BLOCKED = "blocked"
    DUPLICATE = "duplicate"
    BROKEN = "broken"
    NOT_INSTALLED = "not installed"


@frozen
class AdapterInfo:
    """
    Adapter as its entry point describes it, without an import.

    Args:
        kind: The kind of adapter.
        provider: Its name, distribution and version.
        state: The result that naming it would have.
        core_range: The versions of the core that its distribution requires; empty if it requires
            none.
        warning: The defect, or the command that installs it.
    """

    kind: Kind
    provider: Provider
    state: AdapterStatus
    core_range: str = ""
    warning: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it is one of this project's adapters."""
        own = self.kind.own_adapter(self.provider.name)
        return own is not None and self.provider.distribution in ("", own.distribution)


def list_adapters(
    registry: Registry, active: Collection[tuple[Kind, str]] = frozenset()
) -> list[AdapterInfo]:
    """
    List every adapter that is installed, and our own that are not, without an import.

    Args:
        registry: The installed adapters.
        active: Kinds and names that the current settings choose.
    """
    return [
        listed
        for kind in sorted(KINDS, key=lambda each: each.name)
        for listed in _list_kind(registry, kind, {name for of, name in active if of is kind})
    ]


def _list_kind(registry: Registry, kind: Kind, active: Collection[str]) -> Iterator[AdapterInfo]:
    claims = registry.claims(kind)
    for name in sorted({*claims, *(each.name for each in kind.own)}):
        if name not in claims:
            line = install_hint(kind, name)
            yield AdapterInfo(kind, Provider(name), AdapterStatus.NOT_INSTALLED, warning=line)
            continue
        disputed = is_disputed(kind, name, claims[name])
        for each in claims[name]:
            state, warning = AdapterStatus.AVAILABLE, ""
            if disputed:
                state, warning = AdapterStatus.DUPLICATE, dispute_of(kind, name, claims[name])
            elif not registry.allows(kind, name):
                state, warning = AdapterStatus.BLOCKED, "CREDICORP_PLUGINS leaves it out"
            elif warning := _flaw_of(each):
                state = AdapterStatus.BROKEN
            elif name in active:
                state = AdapterStatus.ACTIVE
            yield AdapterInfo(kind, provider_of(each), state, _core_range(each), warning)


def _core_range(entry_point: EntryPoint) -> str:
    requires: Iterable[str] = ()
    with suppress(Exception):  # damaged metadata: no requirement
        requires = (entry_point.dist.requires or ()) if entry_point.dist else ()
    ranges = [found[1].strip() for each in requires if (found := _REQUIREMENT.match(each))]
    return " ".join(each for each in ranges if each)


def _flaw_of(entry_point: EntryPoint) -> str:
    """Describe an entry point that leads nowhere; empty if its package is there."""
    package = entry_point.value.partition(":")[0].partition(".")[0].strip()
    return "" if is_importable(package) else f"there is no package {ascii(package)[:60]}"
