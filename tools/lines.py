"""
Shipped lines of the core and of each plugin, compared with those of another commit.

    python tools/lines.py COMMIT

Modules of the core and of the plugins count; tests, and what only serves tests (sandbox, contract
tests, templates), do not. A line of code holds more than white space, a comment or a docstring. A
distribution that the other commit lacks is a feature of its own, and is left out of the comparison.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tokenize
from collections import defaultdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
# In earlier commits, the core holds what only serves tests, too.
_SHIPPED: Final = re.compile(
    r"(?:(?P<core>credicorp_auth)/(?!testing/|scaffold/)|plugins/(?P<plugin>[^/]+)/credicorp_auth_)"
    r".*\.py"
)
_NO_CODE: Final = frozenset(
    {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
)


class Lines(NamedTuple):
    """Lines of some modules: those of code, and all."""

    code: int
    all: int


def code_lines(source: bytes) -> set[int]:
    """Return the numbers of the lines that hold code."""
    found = {
        line
        for token in tokenize.tokenize(BytesIO(source).readline)
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        match node:
            # A text that is a statement of its own documents a module, class, function or name.
            case ast.Expr(value=ast.Constant(value=str()), lineno=first, end_lineno=int(last)):
                found -= set(range(first, last + 1))
    return found


def count(modules: Iterable[tuple[str, bytes]]) -> dict[str, Lines]:
    """Return the lines of each distribution, given the modules of a tree with their sources."""
    counted: dict[str, Lines] = defaultdict(lambda: Lines(0, 0))
    for path, source in modules:
        if found := _SHIPPED.fullmatch(path):
            name = found["plugin"] or "core"
            code, every = counted[name]
            counted[name] = Lines(code + len(code_lines(source)), every + source.count(b"\n"))
    return dict(counted)


def read_checkout(root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """Yield the Python files of the checkout, by their paths."""
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root).as_posix(), path.read_bytes()


def read_commit(commit: str, root: Path = ROOT) -> Iterator[tuple[str, bytes]]:
    """Yield the Python files of a commit, by their paths."""
    git = ["git", "-C", str(root)]
    listed = subprocess.run([*git, "ls-tree", "-rz", commit], capture_output=True, check=True)
    for entry in listed.stdout.decode().split("\0"):
        meta, _, path = entry.partition("\t")
        if _SHIPPED.fullmatch(path):
            name = meta.split()[2]
            shown = subprocess.run(
                [*git, "cat-file", "blob", name], capture_output=True, check=True
            )
            yield path, shown.stdout


def compare(before: Mapping[str, Lines], now: Mapping[str, Lines]) -> Iterator[str]:
    """Yield one line for each distribution, and one for all that both sides have."""
    yield f"{'':10}{'code':>8}{'before':>9}{'change':>9}{'all':>9}{'before':>9}{'change':>9}"
    for name in sorted({*before, *now}):
        if name in before and name in now:
            yield _row(name, before[name], now[name])
        elif name in now:
            yield f"{name:10}{now[name].code:8}{'new':>9}{'':9}{now[name].all:9}{'new':>9}"
        else:
            yield f"{name:10}{'gone':>8}{before[name].code:9}{'':9}{'gone':>9}{before[name].all:9}"
    both = sorted(before.keys() & now.keys())
    yield _row(
        "together", _total(before[each] for each in both), _total(now[each] for each in both)
    )


def _total(counted: Iterable[Lines]) -> Lines:
    code, every = zip(*counted, strict=True)
    return Lines(sum(code), sum(every))


def _row(name: str, before: Lines, now: Lines) -> str:
    parts = [
        f"{after:{width}}{earlier:9}{after / earlier - 1:+9.1%}"
        for after, earlier, width in ((now.code, before.code, 8), (now.all, before.all, 9))
    ]
    return f"{name:10}" + "".join(parts)


def main(commit: str) -> None:
    """Print the comparison of the checkout with a commit."""
    for line in compare(count(read_commit(commit)), count(read_checkout())):
        print(line)


if __name__ == "__main__":
    main(sys.argv[1])
