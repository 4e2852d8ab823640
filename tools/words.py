"""
Checks the words of the project: no identifier and no prose holds a word of the forbidden list.

    python tools/words.py

The list is tests/architecture/words.toml. Names are those that a Python file defines or uses.
Prose is Markdown, and the comments and strings of Python files: docstrings and messages. It needs
the standard library alone.
"""

from __future__ import annotations

import ast
import io
import os
import re
import sys
import tokenize
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(os.environ.get("CREDICORP_CHECKOUT") or Path(__file__).parents[1])
LIST = "tests/architecture/words.toml"
TABLE = "tests/architecture/renaming/names.toml"
FOLDERS = (
    "benchmarks", "changelog.d", "credicorp_auth", "demo", "docs", "examples", "fuzz", "plugins",
    "testing", "tests", "tools",
)  # fmt: skip
GENERATED = {".tox", "build", "node_modules", "renaming"}


def read_words(checkout: Path) -> dict[str, Any]:
    """Read the list."""
    return tomllib.loads((checkout / LIST).read_text("utf-8"))


def files(checkout: Path, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file of the project with a suffix."""
    paths = [path for folder in FOLDERS for path in (checkout / folder).rglob(f"*{suffix}")]
    for path in sorted([*checkout.glob(f"*{suffix}"), *paths]):
        name = path.relative_to(checkout)
        if not GENERATED & set(name.parts):
            yield name.as_posix(), path.read_text("utf-8")


def identifiers(tree: ast.AST) -> Iterator[str]:
    """Yield every name in a module: classes, functions, parameters, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, (ast.arg, ast.keyword)):
            yield node.arg or ""  # `**names` has none
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def find_identifiers(checkout: Path) -> list[str]:
    """List the forbidden identifiers, each with its file."""
    words = read_words(checkout)
    forbidden, elsewhere = set(words["identifiers"]), words["somebody_elses"]
    found: list[str] = []
    for name, text in files(checkout, ".py"):
        used = {Path(name).stem, *identifiers(ast.parse(text))} & forbidden
        for pattern, others in elsewhere.items():
            used -= set(others) if fnmatch(name, pattern) else set()
        found += [f"{name}: identifier {word}" for word in sorted(used)]
    return found


def prose_of(text: str) -> str:
    """Return the comments and strings of a Python file, each at its line; the rest is left out."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind in {"COMMENT", "STRING", "FSTRING_MIDDLE"}:
            for offset, line in enumerate(token.string.splitlines()):
                lines[token.start[0] - 1 + offset] += f" {line.strip().removeprefix('#')} "
    return "\n".join(lines)


def find_phrases(checkout: Path) -> list[str]:
    """List the forbidden phrases in prose, each with its file and line."""
    words = read_words(checkout)
    everywhere = pattern_of(words["phrases"])
    shipped = pattern_of([*words["phrases"], *words["shipped_phrases"]])
    found: list[str] = []
    for suffix in (".md", ".py"):
        for name, text in files(checkout, suffix):
            if not is_among(name, words["quoting"]):
                pattern = shipped if is_among(name, words["shipped"]) else everywhere
                found += hits(pattern, name, prose_of(text) if suffix == ".py" else text)
    return found


def pattern_of(phrases: list[str]) -> re.Pattern[str]:
    """Build the pattern that finds phrases, also across the end of a line."""
    spaced = (r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(spaced)})(?![\w(-])", re.IGNORECASE)


def is_among(name: str, patterns: list[str]) -> bool:
    """Return whether one of the patterns matches the name of a file."""
    return any(fnmatch(name, each) for each in patterns)


def hits(pattern: re.Pattern[str], name: str, prose: str) -> Iterator[str]:
    """Yield each match with its file and line."""
    for hit in pattern.finditer(prose):
        line = prose.count("\n", 0, hit.start()) + 1
        yield f"{name}:{line}: {' '.join(hit[0].split())}"


def find_unlisted(checkout: Path) -> list[str]:
    """List the old names of the table of renames that the list of identifiers lacks."""
    table = tomllib.loads((checkout / TABLE).read_text("utf-8"))
    names = {**table["identifiers"], **table["tokens"]}
    replaced = {old for old, new in names.items() if old != new and "." not in old}
    listed = set(read_words(checkout)["identifiers"])
    return [f"{LIST}: lacks {each}" for each in sorted(replaced - listed)]


def main(checkout: Path) -> int:
    """Print what is found in a checkout; the exit code is 1 if there is anything."""
    found = [*find_identifiers(checkout), *find_phrases(checkout), *find_unlisted(checkout)]
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(CHECKOUT))
