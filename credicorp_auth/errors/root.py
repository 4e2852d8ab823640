"""Base class of all errors of this library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from credicorp_auth.errors.adapter_failure import cause_state

if TYPE_CHECKING:
    from collections.abc import Callable


def _rebuild(kind: type[CredicorpAuthError], state: dict[str, Any]) -> CredicorpAuthError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    Exception.__init__(error, state["message"])
    return error


class CredicorpAuthError(Exception):
    """
    Base class: a failure between a service and its token.

    Args:
        message: One lower-case sentence that names the failure, the client and the place.
        code: The stable, dotted name of the failure; by default that of the class.
        hint: One sentence with the remedy; by default that of the class.
        retryable: Whether the same call may succeed later without any change; by default that of
            the class.

    .. versionadded:: 1.0.0
    """

    default_code: ClassVar[str] = "error"
    default_hint: ClassVar[str] = "read the message and the reference of error codes."
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.hint = hint or self.default_hint
        self.retryable = self.default_retryable if retryable is None else retryable

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]; {self.hint}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"

    def __reduce__(
        self,
    ) -> tuple[Callable[..., CredicorpAuthError], tuple[Any, ...], dict[str, Any]]:
        return _rebuild, (type(self), dict(self.__dict__)), cause_state(self)

    def copy(self) -> Self:
        """
        Return a new exception with the same content, and the same cause if that is text.

        An exception object that several threads raise collects the tracebacks of all. Each caller
        that waited for the same failure therefore raises its own copy.
        """
        fresh = type(self).__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        Exception.__init__(fresh, self.message)
        fresh.__cause__ = cause_state(self).get("__cause__")
        return fresh
