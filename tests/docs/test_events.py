"""The reference of events lists every event, with its level and fields."""

from __future__ import annotations

import ast
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import credicorp_auth
from credicorp_auth.events import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "events.md"
PACKAGE: Final = Path(credicorp_auth.__file__).parent
_ROW: Final = re.compile(r"^\| `([a-z_.]+)` \| ([A-Z]+) \| ([^|]*) \|", re.MULTILINE)


def rows() -> list[tuple[str, str, set[str]]]:
    """Return name, level and fields of each event that the page lists."""
    return [
        (name, level, set(re.findall(r"`(\w+)`", fields)))
        for name, level, fields in _ROW.findall(PAGE.read_text("utf-8"))
    ]


def calls() -> Iterator[tuple[str, str, set[str]]]:
    """Yield verb, event name (or the expression for it) and fields where events are made."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            verb = ast.unparse(node.func).rpartition(".")[2]
            name = node.args[0]
            said = name.value if isinstance(name, ast.Constant) else ast.unparse(name)
            fields = {each.arg for each in node.keywords if each.arg}
            for each in node.args[1:]:
                if isinstance(each, ast.Dict):
                    fields |= {ast.unparse(key).strip("'") for key in each.keys if key}
            if verb in {"emit", "_emit", "Event"}:
                yield verb, str(said), fields


def reported() -> dict[str, set[str]]:
    """Return the fields with which the source tells each event."""
    found: dict[str, set[str]] = {}
    for _verb, name, fields in calls():
        found.setdefault(name, set()).update(fields)
    warnings = found.pop("warning")
    return {name: found.get(name, warnings) for name in LEVELS}


def test_every_event_is_listed_with_its_level() -> None:
    """Names and levels on the page are those of `LEVELS`, in its order."""
    listed = [(name, level) for name, level, _fields in rows()]

    assert [(name, logging.getLevelName(level)) for name, level in LEVELS.items()] == listed


def test_every_field_is_listed() -> None:
    """The fields on the page are those that the source gives each event."""
    listed = {name: fields for name, _level, fields in rows()}

    assert reported() == listed
