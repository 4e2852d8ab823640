"""
Mutants of a module: copies in which one expression or statement is changed.

Left as they are: docstrings, annotations, decorators, imports, and f-strings and texts with spaces,
which are messages, for no contract says what a message must say. So are the readers of options:
classes named `…Options`, and the functions that convert their fields.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final, TypeVar

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
    tree = ast.fix_missing_locations(mutator.visit(parsed))
    return None if mutator.change is None else Mutant(*mutator.change, ast.unparse(tree))


def _converters(tree: ast.AST) -> set[str]:
    keywords = (each for each in ast.walk(tree) if isinstance(each, ast.keyword))
    return {ast.unparse(each.value) for each in keywords if each.arg == "converter"}


class _Mutator(ast.NodeTransformer):
    """A transformer that makes the change with that number, and leaves everything else."""

    def __init__(self, number: int, converters: Collection[str]) -> None:
        self._left = number
        self._converters = converters
        self.change: tuple[int, str] | None = None

    def visit(self, node: ast.AST) -> ast.AST:
        """Change a node, or the nodes below it."""
        if self.change is not None or _is_left_alone(node):
            return node
        for following in _alternatives(node):
            if self._left == 0:
                self.change = node.lineno, f"{_show(node)} -> {_show(following)}"  # type: ignore[attr-defined] # only located nodes have alternatives
                return ast.copy_location(following, node)
            self._left -= 1
        return super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Change the defaults and the body."""
        if node.name in self._converters:
            return node
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        node.body = [self.visit(each) for each in node.body]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Change the body."""
        if node.name.endswith("Options"):
            return node
        node.body = [self.visit(each) for each in node.body]
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Change the value."""
        node.value = node.value and self.visit(node.value)
        return node


def _is_left_alone(node: ast.AST) -> bool:
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
