"""Missing library of an installed plugin: its name, and the command that installs it."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from credicorp_auth.errors import AdapterNotFound
from credicorp_auth.plugin.loading.installed import is_metadata_missing, provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint

    from credicorp_auth.plugin.loading.kinds import Kind

_REQUIREMENT: Final = r"([\w.-]+)\s*(\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*;?\s*(.*)"
_EXTRA: Final = r"""extra\s*==\s*["']([^"']*)["']"""


def missing_library(
    kind: Kind, entry_point: EntryPoint, fault: BaseException
) -> AdapterNotFound | None:
    """
    Return the error that names the library to install, if a plugin failed for want of one.

    Args:
        kind: The kind of the adapter.
        entry_point: Its entry point; the metadata of its distribution says what it requires.
        fault: What was raised when it was imported or built.

    Returns:
        The error, or None if the plugin failed for another reason, or does not say what brings the
        module that it lacks.
    """
    module = _missing_module(fault)
    if module is None or module == entry_point.module.partition(".")[0]:
        return None
    own = kind.own_adapter(entry_point.name)
    wanted = next(_requirements_for(entry_point, module), "")
    if not wanted and own is None:
        return None
    command = f"pip install '{wanted}'" if wanted or own is None else own.install_command
    return AdapterNotFound(
        f"{kind.name} {provider_of(entry_point)} needs {wanted or module}, which is not installed",
        hint=f"run: {command}",
    )


def _missing_module(fault: BaseException) -> str | None:
    """Return the top-level module whose import failed, if there is no module of that name."""
    name = fault.name if isinstance(fault, ModuleNotFoundError) else None
    top = str(name or "").partition(".")[0]
    if top.isidentifier() and top.isascii():
        with suppress(Exception):  # finders of third parties may fail in any way
            return None if find_spec(top) else top
    return None


def _requirements_for(entry_point: EntryPoint, module: str) -> Iterator[str]:
    """Yield the requirement of the module's name, then those that are not installed."""
    requires: list[str] = []
    with suppress(Exception):  # damaged metadata: no requirement
        requires = list((entry_point.dist.requires or ()) if entry_point.dist else ())
    lacking: list[str] = []
    for name, text, extra in filter(None, map(_read, requires)):
        if _canonical(name) == _canonical(module):
            yield text
        elif extra in ("", entry_point.name) and is_metadata_missing(name):
            lacking.append(text)
    yield from lacking


def _read(requirement: str) -> tuple[str, str, str] | None:
    """Return name, text without marker, and extra of a requirement."""
    found = re.fullmatch(_REQUIREMENT, requirement)
    if found is None:
        return None
    name, extras, versions, marker = (each or "" for each in found.groups())
    extra = re.search(_EXTRA, marker)
    return name, f"{name}{extras}{versions.strip()}", extra[1] if extra else ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
