"""
List of all adapters with their status, made without importing any of them.

An entry point is text; the module that it names is located and parsed, not run. So listing adapters
is cheap, and runs no code of third-party distributions.
"""

from __future__ import annotations

import ast
import re
import sys
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import frozen

from credicorp_auth.plugin.api import Provider
from credicorp_auth.plugin.api.hookspecs import CREDICORP_API
from credicorp_auth.plugin.loading.installed import provider_of
from credicorp_auth.plugin.loading.kinds import (
    KINDS,
    Kind,
)
from credicorp_auth.plugin.loading.registry import dispute_of, install_hint, is_disputed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from importlib.machinery import ModuleSpec
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
    """Describe the defect of a plugin that its source shows; empty if there is none."""
    try:
        module = entry_point.module
        spec = _find(module)
        if spec is None:
            return f"there is no module {module}"
        read_source: Any = getattr(spec.loader, "get_source", None)
        source = read_source(module) if read_source else None
        tree = ast.parse(source or "")  # a compiled module has no source
    except Exception:  # noqa: BLE001 - third-party files, names and finders may fail in any way
        return f"{ascii(entry_point.value)[:60]} cannot be read as Python"
    stated = _stated_version(tree)
    if stated is None or stated == CREDICORP_API:
        return ""
    return f"it states CREDICORP_API = {stated}; this credicorp-auth speaks {CREDICORP_API}"


def _find(module: str) -> ModuleSpec | None:
    """Find a module as `importlib.util.find_spec` does, but without importing its packages."""
    path: list[str] | None = None
    spec: ModuleSpec | None = None
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        name = ".".join(names[:depth])
        found = (finder.find_spec(name, path) for finder in sys.meta_path)
        spec = next((each for each in found if each is not None), None)
        if spec is None:
            return None
        path = list(spec.submodule_search_locations or ())
    return spec


def _stated_version(tree: ast.Module) -> object:
    """Return the literal CREDICORP_API of a module; None if it has none."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(value, ast.Constant) and any(
            isinstance(each, ast.Name) and each.id == "CREDICORP_API" for each in targets
        ):
            return value.value
    return None
