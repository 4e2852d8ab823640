"""Audit events of the process (PEP 578), for one block at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

Notice = Callable[[str, tuple[Any, ...]], None]

_LISTENERS: Final[list[Notice]] = []


@cache  # an audit hook stays for the life of the process
def _start_listening() -> None:
    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        for each in _LISTENERS:
            each(event, arguments)

    listen.__cantrace__ = True  # type: ignore[attr-defined] # so that coverage sees it
    sys.addaudithook(listen)


@contextmanager
def listening(notice: Notice) -> Generator[None]:
    """
    Pass the audit events of all threads to a function during the block.

    Args:
        notice: The function. It gets the name of an event and its arguments.
    """
    _start_listening()
    _LISTENERS.append(notice)
    try:
        yield
    finally:
        _LISTENERS.remove(notice)
