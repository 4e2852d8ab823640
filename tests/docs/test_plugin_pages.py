"""Each kind of plugin has a page, with its hook, its port and its capabilities as they are."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

import pytest

from credicorp_auth.plugin.api.hookspecs import CREDICORP_API, HookSpecs
from credicorp_auth.plugin.loading.kinds import KINDS, OBSERVER, Kind

DOCS: Final = Path(__file__).parents[2] / "docs"
WITH_PORTS: Final = [kind for kind in KINDS if kind is not OBSERVER]


def page_of(kind: Kind) -> str:
    """Return the page of a kind."""
    return (DOCS / "reference" / f"plugin-{kind.name.replace(' ', '-')}.md").read_text("utf-8")


def shown(function: object) -> str:
    """Return name and arguments of a method, as one would call it."""
    signature = inspect.signature(function)  # type: ignore[arg-type] # a function
    bare = [
        each.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty)
        for each in list(signature.parameters.values())[1:]
    ]
    plain = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
    return f"{function.__name__}{plain}"  # type: ignore[attr-defined] # a function


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_hook_and_group(kind: Kind) -> None:
    """The page states the entry-point group, and the hook with its exact arguments."""
    page = page_of(kind)

    assert f"`{kind.group}`" in page
    assert f"`{shown(getattr(HookSpecs, kind.hook))}`" in page


@pytest.mark.parametrize("kind", WITH_PORTS, ids=lambda kind: kind.name)
def test_port(kind: Kind) -> None:
    """The page lists the methods of the port with their exact arguments, and no others."""
    methods = [each for name, each in vars(kind.port).items() if inspect.isfunction(each) and not name.startswith("_")]  # fmt: skip
    listed = re.findall(r"^- `(\w+\(.*?\))`", page_of(kind), re.MULTILINE)

    assert [shown(each) for each in methods] == listed


@pytest.mark.parametrize("kind", WITH_PORTS, ids=lambda kind: kind.name)
def test_capabilities(kind: Kind) -> None:
    """The page lists each capability, in order."""
    listed = re.findall(r"^\| `(\w+)` \|", page_of(kind), re.MULTILINE)

    assert list(kind.capabilities._fields) == listed


def test_versions_are_told() -> None:
    """The policy names the version of the interface that is in force."""
    policy = (DOCS / "explanation" / "plugins.md").read_text("utf-8")

    assert f"`CREDICORP_API = {CREDICORP_API}`" in policy
