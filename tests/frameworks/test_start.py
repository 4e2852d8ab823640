"""What applications of Litestar and aiohttp say when they start, and when they refuse to."""

from __future__ import annotations

import asyncio
import logging
from functools import partial

import pytest
from aiohttp import web
from aiohttp.abc import AbstractView
from litestar import Litestar, Router, get

from credicorp_auth.engine.keys.verifying import NoVerifier
from credicorp_auth.errors import InvalidSetting, UsageError
from credicorp_auth.resource.aiohttp import Guard as AiohttpGuard
from credicorp_auth.resource.litestar import Guard as LitestarGuard

pytestmark = pytest.mark.slow


@pytest.fixture
def listed(caplog):
    """Return the names that the warning at start-up lists."""
    caplog.set_level(logging.WARNING, "credicorp_auth")

    def names():
        events = [each.credicorp_event for each in caplog.records if each.msg == "%s"]
        return [each.fields["handlers"] for each in events if each.name == "guard.unmarked"]

    return names


def start_aiohttp(app):
    """Start and stop an application, as its server does."""

    async def run():
        runner = web.AppRunner(app)
        try:
            await runner.setup()
        finally:
            await runner.cleanup()

    asyncio.run(run())


def start_litestar(app):
    """Start and stop an application, as a server does."""

    async def run():
        async with app.lifespan():
            pass

    try:
        asyncio.run(run())
    except BaseExceptionGroup as group:  # anyio's, around what a hook raises
        raise group.exceptions[0] from None


async def handler(request: web.Request) -> web.Response:
    """Be a handler."""


def test_fault_357_aiohttp_lists_what_is_not_marked(listed):
    """Functions, methods of views, static folders; also of applications below."""
    guard, app, below = AiohttpGuard(NoVerifier()), web.Application(), web.Application()

    class Page(web.View):
        @guard.requires("a")
        async def get(self):
            """Be marked."""

        async def post(self):
            """Be forgotten."""

    class Whole(Page):
        pass

    class Own(AbstractView):
        def __await__(self):
            """Find a method in its own way."""

    below.router.add_get("/x", handler, name="x")
    below.router.add_view("/own", Own)
    below.router.add_view("/page", Page)
    app.router.add_view("/whole", guard.requires("b")(Whole))
    app.router.add_get("/marked", guard.public(partial(handler)))
    app.router.add_static("/static", "tests", name="static")
    app.router.add_static("/other", "tests", name="other")
    app.add_subapp("/below", below)
    guard.install(app, public=("static",))
    start_aiohttp(app)

    within = f"{__name__}.test_fault_357_aiohttp_lists_what_is_not_marked.<locals>"
    static = "aiohttp.web_urldispatcher.StaticResource._handle"
    assert [f"{static}, {__name__}.handler, {within}.Own, {within}.Page.post"] == listed()


def test_a_marked_aiohttp_application_says_nothing(listed):
    """There is no warning without an unmarked handler."""
    guard, app = AiohttpGuard(NoVerifier()), web.Application()
    app.router.add_get("/", guard.requires("a")(partial(handler)))
    guard.install(app)
    start_aiohttp(app)

    assert [] == listed()


@pytest.mark.parametrize("public", [("twice",), ("absent",), "once", ("once", "once")])
def test_fault_359_aiohttp_a_public_name_is_borne_by_one_resource(public):
    """Also if the other one is in an application below: the start fails."""
    guard, app, below = AiohttpGuard(NoVerifier()), web.Application(), web.Application()
    app.router.add_get("/a", handler, name="twice")
    app.router.add_get("/b", handler, name="once")
    below.router.add_get("/a", handler, name="twice")
    app.add_subapp("/below", below)

    with pytest.raises(InvalidSetting) as refused:
        guard.install(app, public=public)
        start_aiohttp(app)

    assert "config.public_route" == refused.value.code


def test_fault_359_aiohttp_two_guards_on_one_handler_stop_the_start():
    """Neither of them could say who comes in."""
    guard, other, app = AiohttpGuard(NoVerifier()), AiohttpGuard(NoVerifier()), web.Application()

    @guard.requires("a")
    class Page(web.View):
        @other.requires("a")
        async def get(self):
            """Be marked twice."""

    app.router.add_view("/", Page)
    app.router.add_get("/x", partial(handler))
    guard.install(app)
    with pytest.raises(InvalidSetting) as refused:
        start_aiohttp(app)

    assert "config.mark" == refused.value.code


def test_a_route_cannot_be_added_to_a_started_aiohttp_application():
    """The router is frozen by then; a guard that comes too late is refused likewise."""
    guard, app = AiohttpGuard(NoVerifier()), web.Application()
    guard.install(app)
    start_aiohttp(app)

    with pytest.raises(RuntimeError):
        app.router.add_get("/late", handler)
    with pytest.raises(RuntimeError):
        guard.install(app)


@get("/named", name="named")
async def named() -> str:
    """Be a handler."""
    return ""


@pytest.mark.parametrize("public", [("twice",), ("absent",), "named", ("named", "named")])
def test_fault_359_litestar_a_public_name_is_borne_by_one_route(public):
    """A handler that is reached by two paths is two routes: the start fails."""

    @get(["/one", "/two"], name="twice")
    async def twice() -> str:
        return ""

    guard = LitestarGuard(NoVerifier())
    with pytest.raises(InvalidSetting) as refused:
        start_litestar(Litestar([named, twice], on_app_init=[partial(guard.install, public=public)]))  # fmt: skip

    assert "config.public_route" == refused.value.code


def test_fault_359_litestar_two_guards_on_one_handler_stop_the_start():
    """The router's guard is another than the handler's."""
    guard, other = LitestarGuard(NoVerifier()), LitestarGuard(NoVerifier())

    @get("/")
    @other.requires("a")
    async def inner() -> str:
        return ""

    router = guard.requires("a")(Router("/", route_handlers=[inner]))
    with pytest.raises(InvalidSetting) as refused:
        start_litestar(Litestar([router], on_app_init=[guard.install]))

    assert "config.mark" == refused.value.code


def test_a_plugin_that_takes_the_guard_out_stops_the_start():
    """Litestar's plugins may replace the list of middleware."""

    def replace(config):
        config.middleware = []
        return config

    app = Litestar([named], on_app_init=[LitestarGuard(NoVerifier()).install, replace])
    with pytest.raises(UsageError) as refused:
        start_litestar(app)

    assert "resource.removed" == refused.value.code


def test_a_litestar_handler_is_marked_once():
    """A second, different mark on the same handler or router is refused where it is written."""
    guard = LitestarGuard(NoVerifier())
    for target in (get("/"), Router("/", route_handlers=[])):
        guard.requires("a")(target)
        with pytest.raises(InvalidSetting) as refused:
            guard.requires("b")(target)
        assert "config.mark" == refused.value.code
