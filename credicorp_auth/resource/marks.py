"""Marks on handlers: the required scope, or public access on purpose."""

from __future__ import annotations

from collections import Counter
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from attrs import frozen

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from credicorp_auth.resource.credentials import Headers
    from credicorp_auth.resource.scope import AnyScope, RequiredScope

    Handler = TypeVar("Handler")

_ATTRIBUTE: Final = "__credicorp_mark__"


class Judge(Protocol):
    """Part of a `Guard` that a mark needs: it judges the requests to the marked handler."""

    def require(self, headers: Headers, scope: RequiredScope) -> Any:  # noqa: ANN401 - its proof
        """Verify the token of a request."""
        ...

    async def arequire(self, headers: Headers, scope: RequiredScope) -> Any:  # noqa: ANN401 - its proof
        """Verify the token of a request, awaiting the verifier."""
        ...


@frozen
class Mark:
    """
    Mark of a handler.

    Args:
        guard: The guard that made the mark, and that judges the handler's requests.
        scope: The required scope; None if the handler is public on purpose.
    """

    guard: Judge
    scope: Scope | AnyScope | None

    @property
    def is_public(self) -> bool:
        """Whether the handler is public on purpose."""
        return self.scope is None

    def covers(self, other: Mark) -> bool:
        """Return whether a token that this mark accepted satisfies the other mark as well."""
        if self.guard is not other.guard or self.scope is None:
            return False
        return not isinstance(other.scope, Scope) or (
            isinstance(self.scope, Scope) and self.scope.covers(other.scope)
        )


def set_mark(handler: Handler, mark: Mark) -> Handler:
    """
    Mark a handler with an attribute, which `functools.wraps` copies; return the handler.

    Args:
        handler: A function, method, class or callable object.
        mark: The mark.

    Raises:
        InvalidSetting: It has another mark already, or cannot be marked (`config.mark`).
    """
    target = getattr(handler, "__func__", handler)  # under bound, static and class methods
    if _own_mark(target) not in {None, mark}:
        raise _conflict(describe(handler))
    try:
        setattr(target, _ATTRIBUTE, mark)
    except (AttributeError, TypeError) as error:
        raise InvalidSetting(
            f"{describe(handler)} cannot carry a mark",
            code="config.mark",
            hint="mark a function or class of your own.",
        ) from error
    return handler


def read_mark(*handlers: object) -> Mark | None:
    """
    Read the combined mark of handlers: every mark on the way to a handler counts.

    The marks of a class, its bases and the method add up: a token needs the scope of each. `public`
    adds no requirement; on a base class it does not apply to derived classes.

    Args:
        handlers: A function; or a class and its method, or other objects of which one contains the
            next; or marks themselves.

    Returns:
        The combined mark; None if there is no mark.

    Raises:
        InvalidSetting: The marks are of two guards (`config.mark`).
    """
    marks = [mark for handler in handlers for mark in _find_marks(handler)]
    demands = [mark for mark in marks if not mark.is_public]
    return reduce(_add, demands or marks) if marks else None


def list_methods(kind: object, name: str) -> Iterator[object]:
    """
    Iterate over a class's function for a method and its inherited marks, for `read_mark`.

    A method that overrides a marked one requires at least the scope of that one. So a subclass that
    only changes the response does not become public.

    Args:
        kind: The class; any other object has no methods.
        name: The name of the method, in lower case.
    """
    if isinstance(kind, type) and hasattr(kind, name):
        yield getattr(kind, name)
        for each in kind.__mro__:
            overridden = vars(each).get(name)
            for mark in _list_own(getattr(overridden, "__func__", overridden)):
                if not mark.is_public:
                    yield mark


def strip_partial(handler: object) -> object:
    """Return the function or class that a `partial` calls; any other handler unchanged."""
    while isinstance(handler, partial):
        handler = cast("object", handler.func)
    return handler


def _add(one: Mark, other: Mark) -> Mark:
    if one.is_public:
        return one
    if one.guard is not other.guard:
        raise _conflict("a handler")
    words = [each.scope.words for each in (one, other) if isinstance(each.scope, Scope)]
    return Mark(one.guard, Scope(frozenset[str]().union(*words))) if words else one


def _find_marks(handler: object) -> Iterator[Mark]:
    if isinstance(handler, Mark):
        yield handler
    while isinstance(handler, partial):
        yield from _list_own(cast("object", handler))
        handler = cast("object", handler.func)
    handler = getattr(handler, "__func__", handler)
    yield from _list_own(handler)
    kind = handler if isinstance(handler, type) else type(handler)
    for each in kind.__mro__:
        mark = _own_mark(each)
        if mark is not None and each is not handler and (each is kind or not mark.is_public):
            yield mark
    if kind is not handler:
        yield from _list_own(getattr(kind, "__call__", None))  # noqa: B004 - it may be marked


def _list_own(handler: object) -> list[Mark]:
    mark = _own_mark(handler)
    return [] if mark is None else [mark]


def _own_mark(handler: object) -> Mark | None:
    mark = getattr(handler, "__dict__", {}).get(_ATTRIBUTE)
    return mark if isinstance(mark, Mark) else None


def _conflict(name: str) -> InvalidSetting:
    return InvalidSetting(
        f"{name} is marked twice, with different demands or by two guards",
        code="config.mark",
        hint="keep one `requires` or `public`; one text may hold several scopes.",
    )


def describe(handler: object) -> str:
    """Return the name of a handler for messages: module and qualified name."""
    handler = strip_partial(handler)
    named = handler if hasattr(handler, "__qualname__") else type(handler)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"


def read_public_names(public: Iterable[str], names: Iterable[str | None]) -> frozenset[str]:
    """
    Read the names of the routes that are public on purpose.

    Args:
        public: The names passed to `install`.
        names: The names of all routes.

    Raises:
        InvalidSetting: A name belongs to no route or to several (`config.public_route`).
    """
    uses = Counter(names)
    wanted = [public] if isinstance(public, str | bytes) else list(public)
    for name in wanted:
        if isinstance(public, str | bytes) or uses[name] != 1:
            raise InvalidSetting(
                f"the public route {ascii(name)[:80]} is the name of {uses[name]} routes",
                code="config.public_route",
                hint="list names in `public` that exactly one route has, as a tuple.",
            )
    return frozenset(wanted)
