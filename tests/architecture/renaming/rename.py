"""
Renames modules and words of a checkout by the table beside it: python rename.py CHECKOUT.

Needs Python 3.12 or newer, whose tokenizer looks into f-strings. Run it once, on a clean checkout.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

TABLE = tomllib.loads(Path(__file__).with_name("names.toml").read_text())
SUFFIXES = {".py", ".md", ".toml", ".cfg", ".ini", ".j2", ".txt", ".typed", ""}
LEFT_ALONE = ("docs/decisions/", "tests/architecture/renaming/", "changelog.d/", "CHANGELOG.md")


def tracked(checkout: Path) -> list[Path]:
    """List the text files that may be rewritten."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=checkout, check=True, capture_output=True, text=True
    )
    return [
        checkout / name
        for name in listed.stdout.splitlines()
        if Path(name).suffix in SUFFIXES and not name.startswith(LEFT_ALONE)
    ]


def move_files(checkout: Path) -> None:
    """Move files and folders, each with its history."""
    for old, new in TABLE["files"].items():
        if not (checkout / old).exists():
            print("not there:", old)
            continue
        (checkout / new).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "mv", old, new], cwd=checkout, check=True)


def file_moves() -> dict[str, str]:
    """Return the modules that `[files]` moves, as dotted names."""
    moves = {}
    for old, new in TABLE["files"].items():
        if "credicorp_auth" in old:
            moves[dotted(old)] = dotted(new)
    return moves


def dotted(path: str) -> str:
    """Return the dotted name of a module."""
    parts = path.removesuffix(".py").removesuffix("/__init__").split("/")
    at = next(i for i, part in enumerate(parts) if part.startswith("credicorp_auth"))
    return ".".join(parts[at:])


def rename_modules(text: str) -> str:
    """Rewrite dotted names of modules, the longest first."""
    moves = {**file_moves(), **TABLE["modules"]}
    names = "|".join(re.escape(old) for old in sorted(moves, key=len, reverse=True))
    return re.sub(rf"(?<![\w.])({names})(?!\w)", lambda found: moves[found[1]], text)


def rename_paths(text: str) -> str:
    """Rewrite the paths of files that move, also as the pages name them: below the package."""
    moves = dict(TABLE["files"])
    moves |= {
        old.removeprefix("credicorp_auth/"): new.removeprefix("credicorp_auth/")
        for old, new in TABLE["files"].items()
        if old.startswith("credicorp_auth/") and old.count("/") > 1
    }
    names = "|".join(re.escape(old) for old in sorted(moves, key=len, reverse=True))
    return re.sub(rf"(?<![\w])({names})(?!\w)", lambda found: moves[found[1]], text)


def rename_programs(text: str, words: dict[str, str]) -> str:
    """Rewrite Python programs that stand in string literals of several lines."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if node.lineno == node.end_lineno or "import " not in node.value:
            continue
        first, last = node.lineno - 1, node.end_lineno - 1
        inner = "".join(lines[first + 1 : last])
        try:
            ast.parse(node.value)
            renamed = rename_tokens(inner, words)
        except (SyntaxError, tokenize.TokenError):
            continue
        lines[first + 1 : last] = renamed.splitlines(keepends=True)
    return "".join(lines)


def rename_tokens(text: str, words: dict[str, str]) -> str:
    """Rewrite identifiers of Python source, whatever else bears the same letters."""
    lines = text.splitlines(keepends=True)
    found = [
        (token.start, token.end, words[token.string])
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.NAME and token.string in words
    ]
    for (row, begin), (_, end), word in reversed(found):
        line = lines[row - 1]
        lines[row - 1] = line[:begin] + word + line[end:]
    return "".join(lines)


NAMING_CALLS = {
    "parametrize",
    "usefixtures",
    "getfixturevalue",
    "getattr",
    "hasattr",
    "setattr",
    "attrgetter",
}


def names_in_text(text: str) -> list[tuple[int, int, int]]:
    """List the string literals that name identifiers: row, begin, end."""
    found: list[ast.expr] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and any(
            getattr(target, "id", "") in {"__slots__", "__all__"} for target in node.targets
        ):
            found += [each for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in NAMING_CALLS:
                first = node.args[:1] if name == "parametrize" else node.args
                for each in first:
                    found += [c for c in ast.walk(each) if isinstance(c, ast.Constant)]
    return [
        (each.lineno, each.col_offset, each.end_col_offset)
        for each in found
        if isinstance(each.value, str) and each.lineno == each.end_lineno
    ]


def rename_named(text: str, words: dict[str, str]) -> str:
    """Rewrite the string literals that name identifiers."""
    lines = text.splitlines(keepends=True)
    for row, begin, end in sorted(set(names_in_text(text)), reverse=True):
        line = lines[row - 1].encode()  # columns are of bytes
        literal = line[begin:end].decode()
        new = re.sub(r"\w+", lambda word: words.get(word[0], word[0]), literal)
        lines[row - 1] = (line[:begin] + new.encode() + line[end:]).decode()
    return "".join(lines)


def rename_anywhere(text: str, words: dict[str, str]) -> str:
    """Rewrite words that are identifiers wherever they stand: in strings, comments and prose too."""
    if not words:
        return text
    names = "|".join(re.escape(old) for old in sorted(words, key=len, reverse=True))
    return re.sub(
        rf"(?<![\w.\-/])({names})(?![\w\-/])|(?<=\.)({names})(?![\w\-/])",
        lambda found: words[found[0]],
        text,
    )


def rename_prose(text: str) -> str:
    """Rewrite words of prose by the patterns of the table."""
    for old, new in TABLE["prose"].items():
        text = re.sub(old, new, text)
    return text


def rename_comments(text: str) -> str:
    """Rewrite prose in comments and docstrings of Python source."""
    lines = text.splitlines(keepends=True)
    spans, fresh, depth = [], True, 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and fresh):
            spans.append((token.start, token.end))
        depth += (token.string in {"(", "[", "{"}) - (token.string in {")", "]", "}"})
        # A string of its own line is a docstring only outside of brackets.
        fresh = not depth and token.type in {
            tokenize.NEWLINE,
            tokenize.NL,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.COMMENT,
            tokenize.ENCODING,
        }
    for (first, begin), (last, end) in reversed(spans):
        part = "".join(lines[first - 1 : last])
        tail = len(lines[last - 1]) - end
        inner = part[begin : len(part) - tail]
        lines[first - 1 : last] = [part[:begin] + rename_prose(inner) + part[len(part) - tail :]]
    return "".join(lines)


def rename_docstrings(text: str, words: dict[str, str]) -> str:
    """Rewrite words in backticks, and the names of arguments in docstrings."""
    names = "|".join(map(re.escape, words))
    text = re.sub(rf"(?<=`)({names})(?=`|\.\w+`|\(\)`)", lambda found: words[found[0]], text)
    lines, indent = text.splitlines(keepends=True), -1
    for at, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        if line.strip() == "Args:":
            indent = depth
        elif line.strip() and depth <= indent:
            indent = -1
        elif indent >= 0 and depth == indent + 4:
            lines[at] = re.sub(
                rf"^(\s+)({names})(?=: )", lambda found: found[1] + words[found[2]], line
            )
    return "".join(lines)


def rename_blocks(text: str, words: dict[str, str]) -> str:
    """Rewrite words in code: fenced blocks, and single words in backticks."""
    names = "|".join(map(re.escape, words))
    blocks = re.compile(r"```(?:python|pycon)\n.*?```|`[^`\n]+`", re.DOTALL)
    word = re.compile(rf"(?<![\w\"'/-])({names})(?![\w\"'/-])")

    def replace(block: re.Match[str]) -> str:
        if block[0].startswith("```") or re.fullmatch(r"`\.?\w+(\(\))?`", block[0]):
            return word.sub(lambda found: words[found[0]], block[0])
        return block[0]

    return blocks.sub(replace, text)


def rewrite(path: Path, checkout: Path) -> None:
    """Rewrite one file."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return
    name = str(path.relative_to(checkout))
    new = rename_paths(rename_modules(text))
    new = rename_anywhere(new, TABLE["identifiers"])
    for old, word in TABLE["phrases"].items():
        new = new.replace(old, word)
    if path.suffix in {".py", ".md", ".j2"}:
        words = dict(TABLE["tokens"])
        for pattern, more in TABLE.get("tokens_of", {}).items():
            if re.match(pattern, name):
                words.update(more)
        words = {old: word for old, word in words.items() if word}
        if path.suffix == ".py":
            new = rename_tokens(rename_named(rename_programs(new, words), words), words)
            new = rename_comments(rename_docstrings(new, words))
        else:
            new = rename_blocks(new, words)
            if path.suffix == ".md":
                new = rename_prose(new)
    if new != text:
        path.write_text(new)


def main() -> None:
    """Rename everything in a checkout."""
    checkout = Path(sys.argv[1]).resolve()
    move_files(checkout)
    for path in tracked(checkout):
        rewrite(path, checkout)


if __name__ == "__main__":
    main()
