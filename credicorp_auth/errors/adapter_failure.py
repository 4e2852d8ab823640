"""Account of an exception that an adapter or a library raised: text alone, without secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class AdapterFailure(Exception):
    """
    What an adapter or a library raised, as text; the `__cause__` of an error of this library.

    The exception itself is dropped, because it leads to requests, responses and frames that hold
    credentials. If it had a cause of its own, that is the `__cause__` of this one.

    Args:
        raised: The qualified name of its type, such as `redis.exceptions.TimeoutError`.
        message: Its text, with secrets and anything shaped like a token replaced by `***`, at most
            200 characters.
        frames: Its traceback, the innermost call last, each as `file:line function`.

    .. versionadded:: 1.0.0
    """

    def __init__(self, raised: str, message: str = "", frames: tuple[str, ...] = ()) -> None:
        super().__init__(raised, message, frames)
        self.raised = raised
        self.message = message
        self.frames = frames

    def __str__(self) -> str:
        said = f"{self.raised}: {self.message}" if self.message else self.raised
        return "\n".join([said, *(f"  at {frame}" for frame in self.frames)])

    def __repr__(self) -> str:
        return f"AdapterFailure({self.raised!r}, {self.message!r})"

    def __reduce__(self) -> tuple[Callable[..., AdapterFailure], tuple[Any, ...], dict[str, Any]]:
        return AdapterFailure, (self.raised, self.message, self.frames), cause_state(self)


def cause_state(error: BaseException) -> dict[str, Any]:
    """Return the state that restores the cause of a pickled or copied error, if it is text."""
    cause = error.__cause__
    return {"__cause__": cause} if isinstance(cause, AdapterFailure) else {}
