"""Readers of values that settings and options have in common."""

from __future__ import annotations

import pytest
from attrs import field, frozen
from attrs.converters import optional

from credicorp_auth import errors
from credicorp_auth.plugin.api.option_values import (
    one_of,
    read_count,
    read_seconds,
    read_switch,
)
from credicorp_auth.plugin.api.options import AdapterOptions


@frozen
class Options:
    """Options of an adapter."""

    wait: float = field(default=2.0, converter=lambda value: read_seconds("wait", value, most=60.0))
    patience: float = field(
        default=1.0, converter=lambda value: read_seconds("patience", value, least=0.5)
    )
    size: int = field(default=8, converter=lambda value: read_count("size", value, least=1))
    level: int | None = field(
        default=None, converter=optional(lambda value: read_count("level", value, least=2, most=4))
    )
    colour: str = field(default="red", validator=one_of("red", "blue"))
    shared: bool = field(default=False, converter=lambda value: read_switch("shared", value))


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("wait", "0.25", 0.25),
        ("wait", 60, 60.0),
        ("patience", 0.5, 0.5),
        ("size", "12", 12),
        ("size", 10**12, 10**12),
        ("level", 4, 4),
        ("level", None, None),
        ("level", "none", None),
        ("colour", "blue", "blue"),
        ("shared", "True", True),
        ("shared", False, False),
    ],
)
def test_objects_and_text_come_to_the_same(name, value, read):
    """An option is read from what a program passes and from the text of a variable."""
    options = AdapterOptions({name: value}, setting="cache_options").read(Options)

    assert read == getattr(options, name)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("wait", 0, "is not a number of seconds above 0 up to 60"),
        ("wait", 60.5, "above 0 up to 60"),
        ("wait", None, "is not a number of seconds"),
        ("wait", True, "is not a number of seconds"),
        ("wait", "soon", "is not a number of seconds"),
        ("patience", 0.4, "is not a number of seconds from 0.5"),
        ("patience", float("inf"), "from 0.5"),
        ("patience", float("nan"), "from 0.5"),
        pytest.param("patience", 10**400, "from 0.5", id="too-large-for-a-float"),
        ("size", 0, "is not a whole number from 1"),
        ("size", 1.5, "from 1"),
        ("size", "1_0", "from 1"),
        ("size", "9" * 30, "from 1"),
        ("size", None, "from 1"),
        ("level", 5, "is not a whole number from 2 to 4"),
        ("colour", "green", "is 'green'"),
        ("colour", ["red"], "is "),
        ("shared", "maybe", "is neither true nor false"),
        ("shared", 1, "is neither true nor false"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(name, value, said):
    """A value of another type or out of bounds is an error that names the option and a remedy."""
    with pytest.raises(errors.InvalidSetting) as raised:
        AdapterOptions({name: value}, setting="cache_options").read(Options)

    assert raised.value.message.startswith(f"`{name}` is ")
    assert said in raised.value.message
    assert raised.value.hint
