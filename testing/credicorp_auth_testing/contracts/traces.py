"""Traces that an adapter leaves outside its process: variables, commands and files."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, cast

from credicorp_auth_testing.contracts.children import in_child

_ENDING: Final = frozenset({"os.remove", "os.rename"})
_SAYING: Final = frozenset(
    {"os.putenv", "os.system", "os.posix_spawn", "os.spawn", "subprocess.Popen"}
)
_WRITING: Final = os.O_WRONLY | os.O_RDWR
_MUCH: Final = 1024 * 1024


class _Watch:
    """What is seen while one block runs."""

    def __init__(self) -> None:
        self.seen: dict[str, list[str]] = {}
        self._written: set[Path] = set()
        self._before = set(_open_files())

    def notice(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take down an event; read a file that was written before it goes away."""
        if event in _SAYING:
            self.seen.setdefault(event, []).append(_text_of(arguments))
        elif event == "open" and isinstance(arguments[0], str | bytes):
            if arguments[2] & _WRITING:
                self._written.add(_path_of(arguments[0]))
        elif event in _ENDING and isinstance(arguments[0], str | bytes | os.PathLike):
            path = _path_of(cast("str", arguments[0]))
            if path in self._written:
                self._look_at(path)

    def look_at_files(self) -> None:
        """Read the files that were written, and those that are newly open."""
        opened = _open_files()
        for path in (*self._written, *(opened[each] for each in opened.keys() - self._before)):
            self._look_at(path)

    def _look_at(self, path: Path) -> None:
        with suppress(OSError):  # it is gone, or is not to be read
            if path.is_file():
                with path.open("rb") as file:
                    self.seen.setdefault("open", []).append(file.read(_MUCH).decode("latin-1"))


def _path_of(name: str | bytes | os.PathLike[str]) -> Path:
    return Path(os.fsdecode(name)).absolute()


def _open_files() -> dict[tuple[int, int], Path]:
    """Return the open files: device and inode to a path."""
    found: dict[tuple[int, int], Path] = {}
    for path in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was that of the list
            state = path.stat()
            found[state.st_dev, state.st_ino] = path
    return found


def _text_of(value: Any) -> str:
    """Return everything in the arguments of an event as text: bytes and text, nested or not."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, dict):
        return _text_of(list(cast("Any", value).items()))
    if isinstance(value, list | tuple):
        return "\n".join(map(_text_of, cast("list[Any]", value)))
    return str(value)


def traces_of(work: Callable[[], object]) -> dict[str, list[str]]:
    """
    Return what a function sets in its environment, tells other programs and writes to files.

    The function runs in a forked child, and the audit hook with it: a hook cannot be taken away
    again, and one in Python makes threads fail to start under coverage, at random
    (`sys.settrace` refuses a second caller while its audit hooks run).

    Args:
        work: The function.

    Returns:
        Names of Python's audit events, each with the texts seen.
    """
    with tempfile.TemporaryFile("w+") as file:

        def watched() -> bool:
            watch = _Watch()

            def listen(event: str, arguments: tuple[Any, ...]) -> None:
                watch.notice(event, arguments)

            listen.__cantrace__ = True  # type: ignore[attr-defined] # so that coverage sees it
            sys.addaudithook(listen)
            work()
            watch.look_at_files()
            json.dump(watch.seen, file)
            file.flush()
            return True

        assert in_child(watched), "it failed in a forked child: its traceback is above"
        file.seek(0)
        return cast("dict[str, list[str]]", json.load(file))
