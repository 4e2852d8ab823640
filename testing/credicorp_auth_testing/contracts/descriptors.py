"""Check for open files and sockets that a test leaves behind, and what they are."""

from __future__ import annotations

import gc
import io
import os
import socket
import time
import tracemalloc
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Generator

_PATIENCE: Final = 2.0  # seconds
_HINT: Final = "To see the lines that opened them, run Python with `-X tracemalloc=8`."


@contextmanager
def none_left_open() -> Generator[None]:
    """
    Assert that no more files and sockets are open after the block than before it.

    Connections that a server of this process has accepted do not count: adapters accept none, but a
    fake server of the adapter's author does. Other threads, such as servers of earlier tests, open
    some briefly. A descriptor that an adapter leaks stays open, so the check is repeated until it
    passes or time runs out.
    """
    before = _open_descriptors()
    yield
    end = time.monotonic() + _PATIENCE
    while len(after := _open_descriptors()) > len(before) and time.monotonic() < end:
        time.sleep(0.05)
    left = [_describe(*each) for each in sorted(after.items() - before.items())]

    assert len(after) <= len(before), "\n".join(["left open:", *left, _HINT])


def _open_descriptors() -> dict[int, str]:
    """Return the open descriptors and what they refer to, without accepted connections."""
    gc.collect()
    found: dict[int, str] = {}
    for each in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # it was that of the list
            found[int(each)] = os.readlink(f"/proc/self/fd/{each}")  # noqa: PTH115 - no path
    sockets = {
        number: _look_at(number) for number, target in found.items() if target[:7] == "socket:"
    }
    served = {address for listens, address in sockets.values() if listens}
    for number, (listens, address) in sockets.items():
        if not listens and address in served:
            del found[number]
    return found


def _look_at(descriptor: int) -> tuple[bool, object]:
    """Return whether a socket listens, and its own port, or path."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        name: Any = same.getsockname()
        address: object = name if isinstance(name, str | bytes) else name[1]
        return bool(same.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)), address
    return False, None  # it is closed by now


def _describe(descriptor: int, target: str) -> str:
    """Return what is open: the object and, if Python traces allocations, who created it."""
    for each in gc.get_objects():
        # Not `isinstance`: it asks objects for `__class__`, and Django's lazy ones load then.
        if issubclass(type(each), socket.socket | io.FileIO) and _number_of(each) == descriptor:
            trace = tracemalloc.get_object_traceback(each)
            return "\n".join([f"  {each!r}", *(trace.format() if trace else ())])
    return f"  {target}"


def _number_of(opened: socket.socket | io.FileIO) -> int:
    try:
        return opened.fileno()
    except ValueError:  # a closed file
        return -1
