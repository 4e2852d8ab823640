"""
Figures of the source tree: sizes of modules and functions, loose modules and import circles.

    python tools/house.py

It prints each figure, and its limit if it has one, and fails if a limit is exceeded. Imports under
TYPE_CHECKING count. No code that is read is run.
"""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[1]
LIMITS: Final = {
    "loose modules": 5,
    "modules over 300 lines": 0,
    "- of them neither package markers nor seams of plugins": 10,
    "modules in import circles": 0,
    "lines of a function, mean": 12,
    "lines of a function, 95th percentile": 35,
}
_SMALL, _LARGE = 30, 300  # lines


def find_modules(root: Path) -> dict[str, Path]:
    """Return the modules of core, plugins and testing by their dotted names."""
    folders = [
        root / "credicorp_auth",
        *sorted(root.glob("plugins/*/credicorp_auth_*")),
        *root.glob("testing/credicorp_auth_testing"),
    ]
    return {
        _name(path.relative_to(folder.parent)): path
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def find_circles(imports: Mapping[str, set[str]]) -> set[str]:
    """Return the modules that reach themselves by imports, given the imports of each module."""
    reached = {name: set(found) for name, found in imports.items()}
    for middle in imports:
        for found in reached.values():
            found.update(reached[middle] if middle in found else ())
    return {name for name, found in reached.items() if name in found}


def read_imports(tree: ast.Module, known: Mapping[str, object]) -> Iterator[str]:
    """List the known modules that a module imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            parts = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (part if part in known else node.module for part in parts)


def measure_functions(tree: ast.Module) -> Iterator[int]:
    """Return the lines of each function, with its arguments and docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or 0) - node.lineno + 1


def is_marker(path: Path, tree: ast.Module) -> bool:
    """Say whether a module is a package's `__init__.py` without code: docstring, names, imports."""
    return path.stem == "__init__" and all(
        isinstance(node, ast.Expr | ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        for node in tree.body
    )


def is_seam(path: Path) -> bool:
    """
    Say whether a module is one of the seams of a plugin, which must load nothing heavy.

    They are what its entry points name, and the package that its users import from.
    """
    is_plugins = path.parent.parent.parent.name == "plugins"
    return is_plugins and path.stem.startswith(("plugin", "__init__"))


def measure(root: Path = ROOT) -> dict[str, float]:
    """Return the figures of a checkout by their names, those with a limit and others."""
    paths = find_modules(root)
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()}
    trees = {name: ast.parse(text) for name, text in texts.items()}
    lines = {name: len(text.splitlines()) for name, text in texts.items()}
    small = [name for name, count in lines.items() if count < _SMALL]
    coded = [name for name in small if not is_marker(paths[name], trees[name])]
    inner = [name for name in coded if not is_seam(paths[name])]
    lengths = sorted(length for tree in trees.values() for length in measure_functions(tree))
    loose = [path for path in (root / "credicorp_auth").glob("*.py") if path.stem != "__init__"]
    return {
        "modules": len(lines),
        "lines of a module, median": statistics.median(lines.values()),
        "loose modules": len(loose),
        "modules over 300 lines": sum(count > _LARGE for count in lines.values()),
        "modules under 30 lines": len(small),
        "- of them no package markers": len(coded),
        "- of them neither package markers nor seams of plugins": len(inner),
        "modules in import circles": len(
            find_circles({name: set(read_imports(tree, trees)) for name, tree in trees.items()})
        ),
        "functions": len(lengths),
        "lines of a function, mean": round(statistics.mean(lengths), 1),
        "lines of a function, 95th percentile": lengths[len(lengths) * 95 // 100],
    }


def main(root: Path = ROOT) -> int:
    """Print the figures; return 1 if one exceeds its limit."""
    exceeded = 0
    for name, figure in measure(root).items():
        limit = LIMITS.get(name)
        exceeded += limit is not None and figure > limit
        print(f"{name:56}{figure:>7g}" + ("" if limit is None else f"  (at most {limit})"))
    return int(bool(exceeded))


if __name__ == "__main__":
    sys.exit(main())
