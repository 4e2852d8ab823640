"""An aiohttp.web application: functions, views, sockets, static folders and sub-applications."""

from __future__ import annotations

import functools
import os
import tempfile
import warnings
from pathlib import Path

from aiohttp import web

from credicorp_auth import TokenVerifier
from credicorp_auth.resource import ANY_SCOPE
from credicorp_auth.resource.aiohttp import Guard

READ, WRITE = "decisions:read", "applications:write"
guard = Guard(TokenVerifier(issuer=os.environ["SERVICE_ISSUER"], audience="partner-api"))
folder = Path(tempfile.mkdtemp())
(folder / "page.txt").write_text("a static page")
private = Path(tempfile.mkdtemp())
(private / "page.txt").write_text("a private page")
routes = web.RouteTableDef()


def emitted(request: web.Request) -> web.Response:
    claims = request.get("credicorp_auth.claims")
    said, resource = {"client": claims and claims.client_id}, request.match_info.route.resource
    return web.json_response(said, headers={"Route": resource.canonical})


@routes.get("/decisions/{name}")
@guard.requires(READ)
async def read(request: web.Request) -> web.Response:
    return emitted(request)


@guard.requires(WRITE)
@routes.post("/applications")
async def apply(request: web.Request) -> web.Response:
    return emitted(request)


@routes.get("/health")
@guard.public
async def health(request: web.Request) -> web.Response:
    return emitted(request)


async def unmarked(request: web.Request) -> web.Response:
    return emitted(request)


@routes.options("/decisions/{name}")
async def options(request: web.Request) -> web.Response:
    return emitted(request)


@routes.view("/by-method")
class ByMethod(web.View):
    @guard.requires(READ)
    async def get(self) -> web.Response:
        return emitted(self.request)

    @guard.requires(WRITE)
    async def post(self) -> web.Response:
        return emitted(self.request)

    async def put(self) -> web.Response:
        return emitted(self.request)


@routes.view("/both")
@guard.requires(READ)
class Both(web.View):
    async def get(self) -> web.Response:
        return emitted(self.request)

    @guard.requires(WRITE)
    async def post(self) -> web.Response:
        return emitted(self.request)


@routes.view("/overriding")
class Overriding(ByMethod):
    async def post(self) -> web.Response:
        return emitted(self.request)

    async def put(self) -> web.Response:
        return emitted(self.request)


@guard.public
class OpenBase(web.View):
    async def get(self) -> web.Response:
        return emitted(self.request)


class Derived(OpenBase):
    pass


class Holder:
    @guard.requires(ANY_SCOPE)
    async def read(self, request: web.Request) -> web.Response:
        return emitted(request)

    async def unmarked(self, request: web.Request) -> web.Response:
        return emitted(request)


@guard.requires(READ)
async def socket(request: web.Request) -> web.WebSocketResponse:
    response = web.WebSocketResponse()
    await response.prepare(request)
    await response.send_str("open")
    await response.close()
    return response


async def socket_unmarked(request: web.Request) -> web.WebSocketResponse:
    return await socket(request)


@guard.requires(READ)
def old_style(request: web.Request) -> web.Response:
    return emitted(request)


async def with_more(request: web.Request, more: str) -> web.Response:
    return emitted(request)


def below() -> web.Application:
    app = web.Application()
    app.router.add_get("/read", read)
    app.router.add_get("/unmarked", unmarked)
    app.router.add_static("/files", private, name="files")
    return app


def build() -> web.Application:
    app, holder, inner = web.Application(), Holder(), below()
    inner.add_subapp("/deep", below_deep())
    app.add_routes(routes)
    app.router.add_get("/unmarked", unmarked)
    app.router.add_get("/borrowed", unmarked, name="borrowed")
    app.router.add_view("/open-base", OpenBase)
    app.router.add_view("/derived", Derived)
    app.router.add_get("/method", holder.read)
    app.router.add_get("/method-unmarked", holder.unmarked)
    app.router.add_get("/partial", functools.partial(guard.requires(READ)(with_more), more="x"))
    app.router.add_get("/socket", socket)
    app.router.add_get("/socket-unmarked", socket_unmarked)
    app.router.add_route("*", "/any", guard.requires(READ)(any_method))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        app.router.add_get("/old", old_style)
    app.router.add_static("/static", folder, name="static")
    app.router.add_static("/private", private)
    app.add_subapp("/sub", inner)
    app.add_domain("domain.example", below_deep())
    guard.install(app, public=("static", "borrowed"))
    return app


async def any_method(request: web.Request) -> web.Response:
    return emitted(request)


def below_deep() -> web.Application:
    app = web.Application()
    app.router.add_get("/read", read)
    app.router.add_get("/unmarked", unmarked)
    return app


app = build()
