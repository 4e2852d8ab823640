"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def names_from(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """
    Return the `__getattr__` of a package.

    Args:
        package: The package: its `__name__`.
        modules: The public names, each with the module in the package that has it.
    """

    def find(name: str) -> object:
        if name not in modules:
            message = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(message)
        value = getattr(import_module(f"{package}.{modules[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return find
