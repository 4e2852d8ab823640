"""Marks hold for what derives from, calls or takes the place of the marked."""

from __future__ import annotations

import asyncio
import gc
import warnings
from contextlib import asynccontextmanager
from functools import partial

import pytest
import quart.views
from flask import Flask
from flask.views import MethodView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource import flask as flask_face
from credicorp_auth.resource import quart as quart_face
from credicorp_auth.resource import starlette as starlette_face

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of anyio, met by an older Starlette
    from starlette.testclient import TestClient

READ, WRITE = "decisions:read", "applications:write"


@pytest.fixture
def bearer(issuer):
    """Return the headers of a caller who may read and one who may write."""
    return [{"Authorization": f"Bearer {token}"} for token in (issuer.read, issuer.write)]


@pytest.fixture
def guard(issuer):
    return starlette_face.Guard(issuer.verifier)


def hidden():
    """Make a handler that is not marked."""

    async def handler(_request):
        return PlainTextResponse("CLASSIFIED")

    return handler


def build_classes(guard, method_view, *, decorated=False):
    """Build a class of views whose POST demands a scope, and one that overrides it."""

    class Pages(method_view):
        decorators = (guard.requires(READ),) if decorated else ()

        def get(self):
            return "told"

        @guard.requires(WRITE)
        def post(self):
            return "told"

    class Overriding(Pages):
        def post(self):
            return "CLASSIFIED"

    return Pages, Overriding


def test_flask_an_overriding_method_demands_what_it_overrides(issuer, bearer):
    """A subclass that overrides a marked method without a mark opens nothing."""
    guard, app = flask_face.Guard(issuer.verifier), Flask("service")
    _, overriding = build_classes(guard, MethodView)
    app.add_url_rule("/pages", view_func=overriding.as_view("pages"))
    rules, client = guard.install(app), app.test_client()

    statuses = [client.post("/pages", headers=each).status_code for each in ({}, *bearer)]

    assert [401, 403, 200] == statuses
    assert 403 == client.get("/pages", headers=bearer[0]).status_code
    assert "pages" in rules.list_unmarked()[0]


def test_quart_an_overriding_method_demands_what_it_overrides(issuer, bearer):
    """As in Flask."""
    guard, app = quart_face.Guard(issuer.verifier), quart.Quart("service")
    _, overriding = build_classes(guard, quart.views.MethodView)
    app.add_url_rule("/pages", view_func=overriding.as_view("pages"))
    guard.install(app)

    async def ask():
        client = app.test_client()
        replies = [await client.post("/pages", headers=each) for each in ({}, *bearer)]
        return [each.status_code for each in replies]

    assert [401, 403, 200] == asyncio.run(ask())


def test_flask_a_partial_of_a_view_demands_what_its_methods_do(issuer, bearer):
    """`functools.partial` of what `as_view()` made does not hide the class's methods."""
    guard, app = flask_face.Guard(issuer.verifier), Flask("service")
    pages, _ = build_classes(guard, MethodView, decorated=True)
    view = partial(pages.as_view("pages"))
    app.add_url_rule("/pages", "pages", view, methods=["GET", "POST"])
    guard.install(app)
    client = app.test_client()

    assert 200 == client.get("/pages", headers=bearer[0]).status_code
    assert [403, 403] == [client.post("/pages", headers=each).status_code for each in bearer]


def test_starlette_methods_of_derived_and_partial_classes_are_judged(guard, bearer):
    """An overriding method, and a class within a `partial`, demand what the marked one does."""

    @guard.requires(READ)
    class Pages(HTTPEndpoint):
        async def get(self, _request):
            return PlainTextResponse("told")

        @guard.requires(WRITE)
        async def post(self, _request):
            return PlainTextResponse("told")

    class Overriding(Pages):
        async def post(self, _request):
            return PlainTextResponse("CLASSIFIED")

    app = Starlette(routes=[Route("/partial", partial(Pages)), Route("/derived", Overriding)])
    guard.install(app)

    with TestClient(app) as client:
        for path in ("/partial", "/derived"):
            assert 200 == client.get(path, headers=bearer[0]).status_code
            assert [403, 403] == [client.post(path, headers=each).status_code for each in bearer]


def test_starlette_the_router_that_serves_is_the_one_that_is_checked(guard):
    """An application that replaces its router while it starts does not serve the unchecked one."""

    @asynccontextmanager
    async def replace(app):
        app.router = Router([Route("/marked", guard.public(hidden()))])
        yield

    app = Starlette(routes=[Route("/hidden", hidden())], lifespan=replace)
    guard.install(app)

    with pytest.raises(InvalidSetting) as caught, TestClient(app):
        pass

    assert "guard.unmarked" == caught.value.code


# An older Starlette's client leaves streams of a newer anyio to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_starlette_a_router_that_replaces_the_checked_one_serves_nothing(guard):
    """Middleware that is built once more leads to the new router, which nobody has checked."""
    app = Starlette(routes=[Route("/open", guard.public(hidden()))])
    guard.install(app)
    with TestClient(app) as client:
        before = client.get("/open").status_code
        app.router = Router([Route("/open", hidden())])
        app.middleware_stack = app.build_middleware_stack()

        assert (200, 403) == (before, client.get("/open").status_code)
    gc.collect()
