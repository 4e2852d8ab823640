"""Whether the body of a user's request can be sent twice, and from where."""

from __future__ import annotations

from typing import Any


class Body:
    """
    The body of a request that may have to go out a second time.

    Text, bytes and nothing at all can; so can a file that can be wound back to where it stood.
    Generators, iterators and one-shot streams cannot.

    Args:
        *parts: What it is made of: one thing, or the parts of a form.

    .. versionadded:: 1.0.0
    """

    __slots__ = ("_files", "is_replayable")

    def __init__(self, *parts: object) -> None:
        self._files: list[tuple[Any, int]] = []
        self.is_replayable = all(self._note(part) for part in parts)

    def _note(self, part: Any) -> bool:  # noqa: ANN401 - whatever a user's client takes for a body
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
        """Where its file stood; None where it is no single file."""
        return self._files[0][1] if len(self._files) == 1 else None

    def rewind(self) -> bool:
        """Wind every file back to where it stood; say whether that worked, and none was closed."""
        try:
            for file, position in self._files:
                file.seek(position)
        except (OSError, ValueError):
            return False
        return True
