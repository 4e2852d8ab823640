"""Readers of values that settings and options have in common, given as objects or as text."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, cast

from attrs import Attribute, Converter, field

from credicorp_auth.errors import InvalidSetting

Reader = Callable[[str, Any], Any]
"""A function of a setting's or option's name and the given value; it returns the value to use."""

_LONGEST_COUNT: Final = 20  # characters


def option(read: Reader, **default: Any) -> Any:  # noqa: ANN401 - as attrs types `field`
    """
    Declare a field of an attrs class with the reader of its values.

    Args:
        read: The reader. None is not read if it is the default.
        **default: `default` or `factory`, as for attrs's `field`; neither for a required option.
    """

    def convert(value: object, own: Attribute[Any]) -> object:
        return None if value is None is own.default else read(own.name, value)

    return field(converter=Converter(convert, takes_field=True), **default)


def invalid(name: str, problem: str, hint: str) -> InvalidSetting:
    """Build the error for a value."""
    return InvalidSetting(f"`{name}` {problem}", hint=hint)


def seconds(*, least: float | None = None, most: float = math.inf) -> Reader:
    """
    Return the reader of a number of seconds.

    Args:
        least: The least number; None, the default, for any above 0.
        most: The largest number; by default any that is finite.
    """
    bounds = "above 0" if least is None else f"from {least:g}"
    bounds += "" if math.isinf(most) else f" up to {most:g}"

    def read(name: str, value: object) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(cast("Any", value))
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        is_enough = number > 0 if least is None else number >= least
        if not is_enough or number > most or math.isinf(number):
            hint = f"set `{name}` to a number of seconds {bounds}."
            raise invalid(name, f"is not a number of seconds {bounds}", hint)
        return number

    return read


def count(least: int, most: float = math.inf) -> Reader:
    """Return the reader of a whole number within bounds."""
    bounds = f"from {least}" + ("" if math.isinf(most) else f" to {most}")

    def read(name: str, value: object) -> int:
        # `int(text)` alone would accept 1_000 and digits of every script.
        is_digits = isinstance(value, str) and value.isascii() and value.strip().isdecimal()
        plain = type(value) is int or (is_digits and len(str(value)) < _LONGEST_COUNT)
        number = int(cast("Any", value)) if plain else least - 1
        if not least <= number <= most:
            hint = f"set `{name}` to a whole number {bounds}."
            raise invalid(name, f"is not a whole number {bounds}", hint)
        return number

    return read


def choice(*choices: str) -> Reader:
    """Return the reader of one of some words."""

    def read(name: str, value: object) -> str:
        if value not in choices:
            hint = f"choose one of {', '.join(choices)}."
            raise invalid(name, f"is {ascii(value)[:60]}", hint)
        return str(value)

    return read


def switch(name: str, value: object) -> bool:
    """Read true or false."""
    word = str(value).lower()
    if word not in {"true", "false"}:
        raise invalid(name, "is neither true nor false", f"set `{name}` to true or false.")
    return word == "true"
