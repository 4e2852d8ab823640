"""
Mutants of a module: copies in which one expression or statement is changed.

Left as they are: docstrings, annotations, decorators, imports, and f-strings and texts with spaces,
which are messages, for no contract says what a message must say. So are the readers of options:
classes named `…Options`, and the functions that convert their fields.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_OPPOSITES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Lt: ast.GtE, ast.GtE: ast.Lt,
    ast.Gt: ast.LtE, ast.LtE: ast.Gt,
}  # fmt: skip
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_REMOVED: Final = (ast.Assign, ast.AugAssign, ast.Delete, ast.Raise, ast.Break, ast.Continue)
# The fields of nodes whose others are annotations, decorators and names.
_READ: Final[dict[type[ast.AST], tuple[str, ...]]] = {
    ast.ClassDef: ("body",),
    ast.FunctionDef: ("args", "body"),
    ast.arguments: ("defaults", "kw_defaults"),
    ast.AnnAssign: ("value",),
}
_SHOWN: Final = 70  # characters
_Node = TypeVar("_Node", bound=ast.AST)


@frozen
class Mutant:
    """
    A changed module.

    Args:
        line: The line of the change.
        change: The source before and after it.
        source: The whole source after it.
    """

    line: int
    change: str
    source: str


def list_mutants(source: str) -> list[Mutant]:
    """Return all mutants of a module."""
    mutants: list[Mutant] = []
    while (mutant := _mutate(source, len(mutants))) is not None:
        mutants.append(mutant)
    return mutants


def _mutate(source: str, number: int) -> Mutant | None:
    parsed = ast.parse(source)
    mutator = _Mutator(number, _converters(parsed))
    tree = ast.fix_missing_locations(mutator.apply(parsed))
    return None if mutator.change is None else Mutant(*mutator.change, ast.unparse(tree))


def _converters(tree: ast.AST) -> set[str]:
    keywords = (each for each in ast.walk(tree) if isinstance(each, ast.keyword))
    return {ast.unparse(each.value) for each in keywords if each.arg == "converter"}


class _Mutator:
    """Makes the change with that number in a tree, and leaves everything else."""

    def __init__(self, number: int, converters: Collection[str]) -> None:
        self._left = number
        self._converters = converters
        self.change: tuple[int, str] | None = None

    def apply(self, node: ast.AST) -> ast.AST:
        """Change a node, or one below it; return what takes its place."""
        if self.change is not None or _is_left_alone(node, self._converters):
            return node
        for following in _alternatives(node):
            if self._left == 0:
                line = getattr(node, "lineno", 0)
                self.change = line, f"{_show(node)} -> {_show(following)}"
                return ast.copy_location(following, node)
            self._left -= 1
        for name in _READ.get(type(node), node._fields):
            value = getattr(node, name, None)
            if isinstance(value, list):
                items = cast("list[Any]", value)
                items[:] = [self._apply_to(each) for each in items]
            else:
                setattr(node, name, self._apply_to(value))
        return node

    def _apply_to(self, value: Any) -> Any:  # noqa: ANN401 - a node, or what is in one
        return self.apply(value) if isinstance(value, ast.AST) else value


def _is_left_alone(node: ast.AST, converters: Collection[str]) -> bool:
    if isinstance(node, ast.ClassDef) and node.name.endswith("Options"):
        return True
    if isinstance(node, ast.FunctionDef) and node.name in converters:
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
        return True
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_text or isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom)


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """Return what may stand in the place of a node."""
    yield from _other_statements(node)
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        if not isinstance(node.test, ast.Compare | ast.UnaryOp):
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield _with(node, ops=[_OPPOSITES[type(node.ops[0])]()])
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        yield _with(node, op=_ARITHMETIC[type(node.op)]())
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node)


def _other_statements(node: ast.AST) -> Iterator[ast.AST]:
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if is_call or isinstance(node, _REMOVED):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and ast.unparse(node) not in {"return", "return None"}:
        yield ast.Return(None)


def _other_constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value * 2 + 1)
    elif isinstance(value, str) and value and " " not in value:
        yield ast.Constant(f"{value}x")


def _with(node: _Node, **changes: object) -> _Node:
    """Return a copy of a node with other fields."""
    return type(node)(**{**dict(ast.iter_fields(node)), **changes})


def _show(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(node)).partition("\n")[0][:_SHOWN]
