"""Body of a user's request: detects whether it can be sent twice, and rewinds its files."""

from __future__ import annotations

from typing import Any


class Body:
    """
    Body of a request that may be sent a second time.

    Text, bytes, no body and seekable files can be sent twice. Generators, iterators and one-shot
    streams cannot.

    Args:
        *parts: The body: a single value, or the parts of a form.

    .. versionadded:: 1.0.0
    """

    __slots__ = ("_files", "is_replayable")

    def __init__(self, *parts: object) -> None:
        self._files: list[tuple[Any, int]] = []
        self.is_replayable = all(self._note(part) for part in parts)

    def _note(self, part: Any) -> bool:  # noqa: ANN401 - any body of a user's client
        if part is None or isinstance(part, str | bytes | bytearray):
            return True
        try:
            position = part.tell() if part.seekable() else None
        except (AttributeError, OSError, ValueError):
            position = None
        if position is None:
            return False
        self._files.append((part, position))
        return True

    @property
    def position(self) -> int | None:
        """The initial position of its file; None unless it has exactly one file."""
        return self._files[0][1] if len(self._files) == 1 else None

    def rewind(self) -> bool:
        """Rewind every file to its initial position; return whether that worked."""
        try:
            for file, position in self._files:
                file.seek(position)
        except (OSError, ValueError):
            return False
        return True
