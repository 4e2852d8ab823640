"""The words of the house: no identifier has a name that only this project knows."""

from __future__ import annotations

import ast
import os
import tomllib
from fnmatch import fnmatch
from pathlib import Path

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[2])
WORDS = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
FOLDERS = (
    "credicorp_auth",
    "testing",
    "plugins",
    "tests",
    "examples",
    "benchmarks",
    "demo",
    "fuzz",
    "tools",
)


def identifiers(tree):
    """Yield every name that a module gives: classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.arg) or (isinstance(node, ast.keyword) and node.arg):
            yield node.arg
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_no_identifier_has_a_name_of_our_own():
    """What had a name that nobody knew has the trade's now, in code and tests alike."""
    forbidden, elsewhere = set(WORDS["identifiers"]), WORDS["somebody_elses"]
    found = set()
    for folder in FOLDERS:
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            name = path.relative_to(CHECKOUT).as_posix()
            if "/renaming/" in name or "/.tox/" in name or "/build/" in name:
                continue
            used = {path.stem, *identifiers(ast.parse(path.read_text("utf-8")))}
            for pattern, words in elsewhere.items():
                used -= set(words) if fnmatch(name, pattern) else set()
            found |= {f"{name}: {word}" for word in used & forbidden}

    assert set() == found


def test_every_old_name_is_on_the_list():
    """The list holds each word that the table of names replaces."""
    table = tomllib.loads((Path(__file__).parent / "renaming" / "names.toml").read_text("utf-8"))
    replaced = {
        old for old, new in {**table["identifiers"], **table["tokens"]}.items() if old != new
    }

    assert set() == {each for each in replaced if "." not in each} - set(WORDS["identifiers"])
