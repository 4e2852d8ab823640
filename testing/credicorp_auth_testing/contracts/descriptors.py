"""Check for open files and sockets that a test leaves behind, and who opened them."""

from __future__ import annotations

import gc
import os
import socket
import time
from contextlib import contextmanager, suppress
from traceback import FrameSummary, StackSummary, walk_stack
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from credicorp_auth_testing.contracts.audit import listening

if TYPE_CHECKING:
    from collections.abc import Generator

_PATIENCE: Final = 2.0  # seconds
_SHOWN: Final = 4  # lines of a stack
_OWN: Final = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - as frames name it


class _Openings:
    """The lines that opened files and sockets during one block."""

    def __init__(self) -> None:
        self._files: dict[str, StackSummary] = {}
        self._sockets: WeakKeyDictionary[socket.socket, StackSummary] = WeakKeyDictionary()

    def notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note who opens a file, or creates a socket."""
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            self._files[path] = _current_stack()
        elif event == "socket.__new__" and isinstance(arguments[0], socket.socket):
            self._sockets[arguments[0]] = _current_stack()

    def unaccepted(self) -> dict[int, str]:
        """Return the open descriptors without connections that a server accepted in the block."""
        gc.collect()
        accepted = {number for number, stack in self._by_number().items() if _accepts(stack)}
        opened = _open_descriptors()
        return {number: opened[number] for number in opened.keys() - accepted}

    def _by_number(self) -> dict[int, StackSummary]:
        return {each.fileno(): stack for each, stack in list(self._sockets.items())}

    def describe(self, descriptor: int, target: str) -> str:
        """Return what a descriptor refers to, and the lines that opened it, if they are known."""
        stack = self._by_number().get(descriptor) or self._files.get(target)
        if stack is None:
            return target
        # A stack begins with its innermost line.
        lines = [each for each in stack if not _is_of_tests(each)][:_SHOWN]
        shown = (f"  {each.filename}:{each.lineno}: {each.line}" for each in lines)
        return "\n".join([target, *shown])


def _current_stack() -> StackSummary:
    # The text of the lines is looked up if it is shown.
    return StackSummary.extract(walk_stack(None), lookup_lines=False)


def _accepts(stack: StackSummary) -> bool:
    return any(each.name == "accept" and each.filename == socket.__file__ for each in stack)


def _is_of_tests(frame: FrameSummary) -> bool:
    return frame.filename.startswith(_OWN) or "_pytest" in frame.filename


def _open_descriptors() -> dict[int, str]:
    """Return the open descriptors, and what they refer to."""
    found: dict[int, str] = {}
    for each in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # it was that of the list
            found[int(each)] = os.readlink(f"/proc/self/fd/{each}")  # noqa: PTH115 - a target is no path
    return found


@contextmanager
def none_left_open() -> Generator[None]:
    """
    Assert that no more files and sockets are open after the block than before it.

    Connections that a server of this process has accepted do not count: adapters accept none, but a
    fake server of the adapter's author does. Other threads, such as servers of earlier tests, open
    some briefly. A descriptor that an adapter leaks stays open, so the check is repeated until it
    passes or time runs out.
    """
    openings = _Openings()
    gc.collect()
    before = _open_descriptors()
    with listening(openings.notice):
        yield
    end = time.monotonic() + _PATIENCE
    while len(left := openings.unaccepted()) > len(before) and time.monotonic() < end:
        time.sleep(0.05)
    new = left.items() - before.items()
    described = [openings.describe(*each) for each in sorted(new)]

    assert len(left) <= len(before), "left open:\n" + "\n".join(described)
