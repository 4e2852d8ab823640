"""
Write the tables of docs/reference/settings.md from the docstrings of the code.

    python tools/settings_page.py

The docstring of `TakesSettings.__init__` describes the settings, and that of each adapter's options
class its options, one argument a line: `name (type or unit; default: value): Meaning.` Sources are
parsed, not imported, so that no adapter has to be installed.
"""

from __future__ import annotations

import ast
import re
from inspect import cleandoc
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "settings.md"
KEYWORDS = ROOT / "credicorp_auth" / "settings" / "keywords.py"
KINDS = {"transport": "TRANSPORT", "cache": "CACHE", "secret source": "SECRETS"}
ARGUMENT = re.compile(r"(\w+) \((.+?); (?:default: )?([^;]+?)\): (.+)")


class Described(NamedTuple):
    """One setting or option, as its docstring describes it."""

    name: str
    type: str
    default: str
    meaning: str


def read_arguments(docstring: str) -> list[Described]:
    """Read the `Args:` section of a docstring; raise a ValueError for what has another form."""
    section = re.search(r"^Args:\n((?: +.*\n|\n)+)", f"{cleandoc(docstring)}\n", re.MULTILINE)
    lines = section[1] if section else ""
    arguments = re.split(r"^ {4}(?=\S)", lines, flags=re.MULTILINE)[1:]
    described = []
    for argument in arguments:
        words = " ".join(argument.split())
        parts = ARGUMENT.fullmatch(words)
        if parts is None:
            message = f"not `name (type; default: value): Meaning.`: {words}"
            raise ValueError(message)
        described.append(Described(*parts.groups()))
    return described


def classes(path: Path) -> dict[str, ast.ClassDef]:
    """Return the classes of a module by name."""
    tree = ast.parse(path.read_text("utf-8"))
    return {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}


def read_settings() -> list[Described]:
    """Return the settings, in the order of their declaration."""
    (init,) = (
        each
        for each in classes(KEYWORDS)["TakesSettings"].body
        if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    )
    return read_arguments(ast.get_docstring(init) or "")


def read_options() -> dict[str, list[Described]]:
    """Return the options of each adapter; the key is the first line of the class's docstring."""
    modules = [
        ROOT / "credicorp_auth" / "wire" / "options.py",
        *sorted((ROOT / "plugins").glob("*/credicorp_auth_*/*.py")),
    ]
    docstrings = [
        ast.get_docstring(each) or ""
        for module in modules
        for name, each in classes(module).items()
        if name.endswith("Options")
    ]
    found = {each.partition(".\n")[0]: read_arguments(each) for each in docstrings}
    return dict(sorted(found.items(), key=lambda item: (list(KINDS).index(kind_of(item[0])), item)))


def kind_of(title: str) -> str:
    """Return the kind of adapter that a title such as "Options of the cache `file`" names."""
    return next(kind for kind in KINDS if kind in title)


def table(rows: list[Described], prefix: str) -> str:
    """Build a table; `prefix` is what the variables begin with."""
    head = "| Setting | Variable | Type | Default | Meaning |\n|---|---|---|---|---|"
    lines = [
        " | ".join([f"| `{name}`", f"`{variable(name, prefix)}`", *rest]) + " |"
        for name, *rest in rows
    ]
    first = head if prefix == "CREDICORP_" else head.replace("Setting", "Option")
    return "\n".join([first, *lines])


def variable(name: str, prefix: str) -> str:
    """Return the environment variable of a setting or option."""
    kind = name.removesuffix("_options").upper()
    return f"{prefix}{kind}" if kind == name.upper() else f"{prefix}{kind}_<OPTION>"


def build_page(text: str) -> str:
    """Return the page with its tables as the code has them now."""
    sections = [
        f"## {title}\n\n{table(rows, f'CREDICORP_{KINDS[kind_of(title)]}_')}"
        for title, rows in read_options().items()
    ]
    blocks = {"settings": table(read_settings(), "CREDICORP_"), "options": "\n\n".join(sections)}
    for name, block in blocks.items():
        begin, end = (
            f"<!-- {name}: written by tools/settings_page.py -->",
            f"<!-- end of {name} -->",
        )
        before, after = text.partition(begin)[0], text.partition(end)[2]
        text = f"{before}{begin}\n\n{block}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(build_page(PAGE.read_text("utf-8")), "utf-8")
