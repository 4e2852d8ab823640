"""Claim values: times and frozen JSON, for signed tokens and introspection responses."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONTAINERS: Final = (dict, list)
_LATEST: Final = 2.0**53  # seconds; numbers beyond are not exact in every reader of JSON


def read_time(value: object) -> float | None:
    """Return a time in epoch seconds; None if the value is not a time."""
    # A boolean is an int in Python, but not a time.
    if type(value) not in {int, float}:
        return None
    seconds = cast("float", value)
    return seconds if 0 <= seconds <= _LATEST else None


def freeze_members(members: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only view of a JSON object; nested values are frozen, too."""
    # All callers who present the same token share one object, so it must be immutable.
    nested = {name: _freeze(each) for name, each in members.items() if type(each) in _CONTAINERS}
    return MappingProxyType({**members, **nested} if nested else cast("dict[str, Any]", members))


def _freeze(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return freeze_members(cast("dict[str, Any]", value))
    if isinstance(value, list):
        return tuple(map(_freeze, cast("list[object]", value)))
    return value
