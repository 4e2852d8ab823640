"""The example plugins are short enough to be read."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
EXAMPLES: Final = sorted(
    each.parent for each in (CHECKOUT / "examples" / "plugins").glob("*/credicorp_auth_*/plugin.py")
)

COPIED: Final = {"handles.py"}
"""Modules that are the same for any such library: an author copies them with the example."""


def code_lines(path: Path) -> int:
    """Count the lines that are neither blank, nor comment, nor of a docstring."""
    text = path.read_text("utf-8")
    reported = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(1 for number, line in lines if line and number not in reported and line[0] != "#")


@pytest.mark.parametrize("package", EXAMPLES, ids=lambda each: each.parent.name)
def test_an_example_has_fewer_than_60_lines_of_code(package: Path) -> None:
    """A working adapter takes fewer than 60 lines of its own, its plugin module included."""
    own = [each for each in package.glob("*.py") if each.name not in COPIED]

    assert 0 < sum(code_lines(each) for each in own) < 60


def test_there_are_examples() -> None:
    """There is one of each kind, and the pattern above finds them."""
    assert {"curl", "keyring", "sqlite"} <= {each.parent.name for each in EXAMPLES}
