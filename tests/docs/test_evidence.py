"""Evidence names tests that exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    page
    for page in sorted((ROOT / "docs" / "evidence").glob("*.json"))
    if '"tests":' in page.read_text("utf-8")
]


def read_tests(page: Path) -> list[tuple[str, list[str]]]:
    """Return each line of evidence, by its script or claim, with the tests that it names."""
    evidence: dict[str, list[dict[str, Any]]] = json.loads(page.read_text("utf-8"))
    lines = [*evidence.get("scripts", ()), *evidence.get("figures", ())]
    return [(line.get("script") or line["claim"], line["tests"]) for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_evidence_names_tests_that_exist(page: Path) -> None:
    """Each test is a function of the file it is said to be in, and each line is there once."""
    lines = read_tests(page)
    assert lines
    names = [name for name, _ in lines]
    assert sorted(set(names)) == sorted(names)

    missing = []
    for _, tests in lines:
        for test in tests:
            path, _, function = test.partition("::")
            if f"def {function}(" not in (ROOT / path).read_text("utf-8"):
                missing.append(test)
    assert [] == missing
