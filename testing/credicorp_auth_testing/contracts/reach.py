"""Reach of an object: the texts that can be got at from it, opaque or not."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from types import FrameType, FunctionType, ModuleType
from typing import Any, Final

from credicorp_auth.http.secret import Secret, SecretBytes

_ELSEWHERE: Final = (type, ModuleType, FrameType, logging.Logger, logging.Handler)
_DEPTH: Final = 12


def texts_of(root: object) -> Iterator[str]:
    """
    Return the texts and bytes that an object refers to, opaque or not.

    Classes, modules, frames and loggers belong to others, so their content is left out.

    Args:
        root: The object, such as an adapter.
    """
    seen: set[int] = set()
    level = [root]
    for _ in range(_DEPTH):
        following: list[object] = []
        for each in level:
            if id(each) in seen or isinstance(each, _ELSEWHERE):
                continue
            seen.add(id(each))
            yield from _text_of(each)
            following += _parts_of(each)
        level = following


def _text_of(value: object) -> Iterator[str]:
    if isinstance(value, Secret | SecretBytes):
        value = value.reveal()
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes | bytearray):
        yield value.decode("latin-1")


def _parts_of(value: Any) -> list[object]:
    if isinstance(value, FunctionType):  # its globals are a module's
        return [value.__closure__, value.__defaults__, value.__kwdefaults__]
    return gc.get_referents(value)
