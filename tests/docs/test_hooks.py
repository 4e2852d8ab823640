"""The reference of hooks lists every hook with its exact arguments."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

from credicorp_auth.plugin.api.hookspecs import CREDICORP_API, HookSpecs
from credicorp_auth.plugin.loading.kinds import KINDS

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"


def signatures() -> list[str]:
    """Return name and arguments of each hook, as one would call it."""
    hooks = [each for name, each in vars(HookSpecs).items() if name.startswith("credicorp_")]
    return [
        f"{each.__name__}({', '.join(list(inspect.signature(each).parameters)[1:])})"
        for each in hooks
    ]


def test_every_hook_has_a_heading() -> None:
    """The headings in back-quotes are the hooks, in their order, with their arguments."""
    headings = re.findall(r"^## `(.*)`$", PAGE.read_text("utf-8"), re.MULTILINE)

    assert signatures() == headings


def test_groups_and_version_are_stated() -> None:
    """The page names each entry-point group, and the version of the interface."""
    page = PAGE.read_text("utf-8")

    assert [] == [kind.group for kind in KINDS if f"`{kind.group}`" not in page]
    assert f"`CREDICORP_API = {CREDICORP_API}`" in page
