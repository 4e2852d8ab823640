"""Base class of all errors of this library."""

from __future__ import annotations

from functools import wraps
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from credicorp_auth.errors.adapter_failure import cause_state

if TYPE_CHECKING:
    from collections.abc import Callable


InitT = TypeVar("InitT")


def _rebuild(kind: type[CredicorpAuthError], state: dict[str, Any]) -> CredicorpAuthError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    return error


def _also_from_args(init: InitT) -> InitT:
    """Let a constructor take an error's `args` as well, as a result store such as Celery's does."""

    @wraps(cast("Callable[..., None]", init))
    def start(self: CredicorpAuthError, *given: Any, **keywords: Any) -> None:
        if [dict] == [type(each) for each in given[1:]]:
            CredicorpAuthError.__init__(self, given[0])
            self.__dict__.update({name: _from_json(each) for name, each in given[1].items()})
        else:
            cast("Callable[..., None]", init)(self, *given, **keywords)

    return cast("InitT", start)


def _to_json(value: Any) -> Any:
    return sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value


def _from_json(value: Any) -> Any:
    return frozenset(cast("list[str]", value)) if isinstance(value, list) else value


class CredicorpAuthError(Exception):
    """
    Base class: a failure between a service and its token.

    Args:
        message: One lower-case sentence that names the failure, the client and the place.
        code: The stable, dotted name of the failure; by default that of the class.
        hint: One sentence with the remedy; by default that of the class.
        retryable: Whether the same call may succeed later without any change; by default that of
            the class.

    `args` holds the message and the attributes, in types of JSON: `type(error)(*error.args)` builds
    the same error.

    .. versionadded:: 1.0.0
    """

    default_code: ClassVar[str] = "error"
    default_hint: ClassVar[str] = "read the message and the reference of error codes."
    default_retryable: ClassVar[bool] = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if init := vars(cls).get("__init__"):
            setattr(cls, "__init__", _also_from_args(init))  # noqa: B010 - mypy refuses assignment

    @_also_from_args
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

    # What builds the same error. Computed, since attributes may change later; `Any`, since
    # `BaseException` declares a variable.
    args: Any = property(methodcaller("_arguments"))

    def _arguments(self) -> tuple[Any, ...]:
        attributes = {
            name: _to_json(value)
            for name, value in vars(self).items()
            if name != "message" and isinstance(value, str | int | float | frozenset | None)
        }
        return self.message, attributes

    def copy(self) -> Self:
        """
        Return a new exception with the same content, and the same cause if that is text.

        An exception object that several threads raise collects the tracebacks of all. Each caller
        that waited for the same failure therefore raises its own copy.
        """
        fresh = type(self).__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        fresh.__cause__ = cause_state(self).get("__cause__")
        return fresh
