"""The pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#\s]+)")


def named(page: Path) -> str:
    """Return what a page is called in test names."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link of a page to another file of the repository finds it."""
    links = _LINK.findall(page.read_text("utf-8"))

    assert [] == [link for link in links if not (page.parent / link).exists()]


def test_every_page_can_be_reached() -> None:
    """Each tutorial, how-to, reference and explanation is linked from the README."""
    linked = {
        (ROOT / link).resolve() for link in _LINK.findall((ROOT / "README.md").read_text("utf-8"))
    }
    pages = [page for page in PAGES if "docs" in page.parts and "decisions" not in page.parts]

    assert [] == [named(page) for page in pages if page.resolve() not in linked]
