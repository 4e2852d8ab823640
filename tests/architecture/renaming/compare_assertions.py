"""
Shows which assertions of the tests differ by more than names: python compare_assertions.py OLD_COMMIT.

It renames a copy of the old commit by the table and compares the assertions of both trees; what it
prints is what remains. Needs Python 3.12 or newer.
"""

from __future__ import annotations

import ast
import collections
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[2]


def assertions(tree: Path) -> collections.Counter[str]:
    """Count the assertions of every test in a tree, each as its source text."""
    found: collections.Counter[str] = collections.Counter()
    for path in [*tree.glob("**/tests/**/*.py"), *tree.glob("**/contracts/**/*.py")]:
        if "renaming" in path.parts or ".tox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Assert):
                found[ast.unparse(node)] += 1
    return found


def main() -> int:
    """Compare, and print what remains."""
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "old"
        subprocess.run(["git", "clone", "--quiet", "--shared", str(CHECKOUT), str(old)], check=True)
        subprocess.run(["git", "checkout", "--quiet", sys.argv[1]], cwd=old, check=True)
        subprocess.run([sys.executable, str(HERE / "rename.py"), str(old)], check=True)
        before, after = assertions(old), assertions(CHECKOUT)
    for text, count in sorted((before - after).items()):
        print(f"- {count} x {text}")
    for text, count in sorted((after - before).items()):
        print(f"+ {count} x {text}")
    return int(before != after)


if __name__ == "__main__":
    sys.exit(main())
