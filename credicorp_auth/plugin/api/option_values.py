"""Readers of values that settings and options have in common, given as objects or as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast

from credicorp_auth.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable

    from attrs import Attribute

_LONGEST_COUNT: Final = 20  # characters


def invalid(name: str, problem: str, hint: str) -> InvalidSetting:
    """Build the error for a value."""
    return InvalidSetting(f"`{name}` {problem}", hint=hint)


def read_seconds(
    name: str, value: float | str, *, least: float | None = None, most: float = math.inf
) -> float:
    """
    Read a number of seconds.

    Args:
        name: The setting or option, for the message.
        value: The number, or its digits.
        least: The least number; None, the default, for any above 0.
        most: The largest number; by default any that is finite.

    Raises:
        InvalidSetting: It is anything else (`config.value`).
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    is_enough = number > 0 if least is None else number >= least
    if is_enough and number <= most and not math.isinf(number):
        return number
    bounds = "above 0" if least is None else f"from {least:g}"
    bounds += "" if math.isinf(most) else f" up to {most:g}"
    hint = f"set `{name}` to a number of seconds {bounds}."
    raise invalid(name, f"is not a number of seconds {bounds}", hint)


def read_count(name: str, value: int | str, *, least: int, most: float = math.inf) -> int:
    """
    Read a whole number.

    Args:
        name: The setting or option, for the message.
        value: The number, or its digits.
        least: The least number.
        most: The largest number; by default any.

    Raises:
        InvalidSetting: It is anything else (`config.value`).
    """
    # `int(text)` alone would accept 1_000 and digits of every script.
    is_digits = isinstance(value, str) and value.isascii() and value.strip().isdecimal()
    if type(value) is int or (is_digits and len(str(value)) < _LONGEST_COUNT):
        number = int(value)
        if least <= number <= most:
            return number
    bounds = f"from {least}" + ("" if math.isinf(most) else f" to {most}")
    hint = f"set `{name}` to a whole number {bounds}."
    raise invalid(name, f"is not a whole number {bounds}", hint)


def read_choice(name: str, value: str, *, choices: tuple[str, ...]) -> str:
    """Read one of some words."""
    if value not in choices:
        # A list or an object may hold anything, so it is not shown.
        shown = ascii(value)[:60] if isinstance(cast("object", value), str) else "not text"
        raise invalid(name, f"is {shown}", f"choose one of {', '.join(choices)}.")
    return str(value)


def one_of(*choices: str) -> Callable[[object, Attribute[Any], Any], None]:
    """Return an attrs validator that accepts only some words."""

    def check(_options: object, attribute: Attribute[Any], value: Any) -> None:  # noqa: ANN401 - as it is given
        read_choice(attribute.name, value, choices=choices)

    return check


def read_switch(name: str, value: bool | str) -> bool:  # noqa: FBT001 - a reader
    """Read true or false."""
    word = str(value).lower()
    if word not in {"true", "false"}:
        raise invalid(name, "is neither true nor false", f"set `{name}` to true or false.")
    return word == "true"
