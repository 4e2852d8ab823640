"""Marks on handlers: where they stand, how they add up, and what is refused."""

from __future__ import annotations

from functools import partial, wraps

import pytest

from credicorp_auth.engine.keys.verifying import NoVerifier
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.oauth.scope import Scope
from credicorp_auth.resource import ANY_SCOPE, Guard
from credicorp_auth.resource.marks import Mark, describe, read_mark, read_public_names

guard, other = Guard(NoVerifier()), Guard(NoVerifier())


def scope_of(*handlers):
    """Return the words demanded of handlers, "public" or "unmarked"."""
    mark = read_mark(*handlers)
    if mark is None:
        return "unmarked"
    return "public" if mark.is_public else str(mark.scope)


def handler():
    """Do nothing."""


def test_a_mark_stands_on_whatever_serves():
    """Functions, methods, classes, callable objects, and partial applications of them."""

    class View:
        @guard.requires("a")
        def method(self): ...

        @guard.requires("b")
        @staticmethod
        def static(): ...

        @classmethod
        @guard.requires("c")
        def of_class(cls): ...

        def __call__(self): ...

    @guard.requires("d")
    def function(): ...

    marked = guard.requires("e")(View())

    handlers = [View.method, View().method, View.static, View.of_class, function, partial(partial(function)), marked, partial(marked)]  # fmt: skip
    assert ["a", "a", "b", "c", "d", "d", "e", "e"] == [scope_of(each) for each in handlers]
    assert ["unmarked"] * 5 == [scope_of(each) for each in (View, View(), View().__call__, None, handler)]  # fmt: skip
    assert "f" == scope_of(guard.requires("f")(partial(handler)))


def test_it_survives_other_decorators():
    """`functools.wraps` copies it, and an outer mark that says otherwise is refused."""

    def decorate(function):
        @wraps(function)
        def around(): ...

        return around

    inner = guard.requires("a")(lambda: None)

    assert "a" == scope_of(decorate(inner)) == scope_of(guard.requires("a")(decorate(inner)))
    for mark in (guard.requires("b"), guard.public, other.requires("a"), guard.requires(ANY_SCOPE)):
        with pytest.raises(InvalidSetting) as refused:
            mark(decorate(inner))
        assert "config.mark" == refused.value.code


def test_what_cannot_carry_a_mark_is_refused():
    """A built-in function, and an object without attributes."""
    for target in (print, object(), "text"):
        with pytest.raises(InvalidSetting) as refused:
            guard.public(target)
        assert "config.mark" == refused.value.code


def test_fault_351_marks_of_class_bases_and_method_add_up():
    """A token needs the scope of each; `public` adds no demand, and none for derived classes."""

    @guard.requires("base")
    class Base:
        @guard.requires("get")
        def get(self): ...

        @guard.public
        def head(self): ...

        def post(self): ...

    class Derived(Base):
        def get(self): ...

    @guard.requires("own")
    class Own(Base): ...

    @guard.public
    class Open:
        @guard.requires("x")
        def get(self): ...

        def __call__(self): ...

    class NotOpen(Open): ...

    @guard.public
    class OpenBase(Base): ...

    assert "base get" == scope_of(Base, Base.get)
    assert "base" == scope_of(Base, Base.head) == scope_of(Base, Base.post)
    assert "base" == scope_of(Derived, Derived.get) == scope_of(OpenBase)
    assert "base get own" == scope_of(Own, Own.get)
    assert ("public", "public", "x") == (scope_of(Open), scope_of(Open()), scope_of(Open, Open.get))
    assert ("unmarked", "unmarked") == (scope_of(NotOpen), scope_of(NotOpen()))


def test_any_scope_adds_nothing_to_a_scope():
    """Any valid token, and one with a scope, is one with a scope."""
    marked = guard.requires(ANY_SCOPE)(lambda: None), guard.requires("a")(lambda: None)

    assert "a" == scope_of(*marked) == scope_of(*reversed(marked))
    assert ANY_SCOPE is read_mark(marked[0], marked[0]).scope
    assert "a b" == scope_of(Mark(guard, Scope("b")), Mark(guard, None), marked[1])


def test_fault_351_two_guards_do_not_judge_one_handler():
    """A handler that two guards mark on different levels is found at the start."""
    marked = guard.requires("a")(lambda: None), other.requires("a")(lambda: None)
    with pytest.raises(InvalidSetting) as refused:
        read_mark(*marked)

    assert "config.mark" == refused.value.code
    assert "public" == scope_of(guard.public(lambda: None), other.public(lambda: None))


def test_what_a_judgement_is_good_for():
    """A token that was judged by one guard for a scope is good for less, and for no other guard."""
    wide, narrow, some, public = (
        Mark(guard, each) for each in (Scope("a b"), Scope("a"), ANY_SCOPE, None)
    )

    assert [True, True, True] == [wide.covers(each) for each in (wide, narrow, some)]
    assert [False, True, False] == [each.covers(narrow) for each in (some, narrow, public)]
    assert [True, False] == [some.covers(some), public.covers(some)]
    assert not wide.covers(Mark(other, Scope("a")))


def test_public_names_are_those_of_one_route():
    """A name that no route or two routes bear is refused, and so is a text in place of a list."""
    assert frozenset({"static"}) == read_public_names(["static"], ["static", "a", "a", None])
    assert frozenset() == read_public_names((), [])
    for public in (["a"], ["static", "b"], "static", b"static", [None], [7]):
        with pytest.raises(InvalidSetting) as refused:
            read_public_names(public, ["static", "a", "a"])
        assert "config.public_route" == refused.value.code


def test_a_handler_is_described_by_its_name():
    """Module and qualified name, of an object those of its class."""

    class View: ...

    assert f"{__name__}.handler" == describe(handler) == describe(partial(handler))
    assert describe(View) == describe(View()) != describe(handler)
