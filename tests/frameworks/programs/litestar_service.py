"""A Litestar application: handlers, controllers, routers, sockets and mounts, marked and unmarked."""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from litestar import (
    Controller,
    Litestar,
    Request,
    Router,
    WebSocket,
    asgi,
    get,
    head,
    post,
    route,
    websocket,
)
from litestar.config.cors import CORSConfig
from litestar.handlers import WebsocketListener, websocket_listener, websocket_stream
from litestar.openapi import OpenAPIConfig
from litestar.static_files import create_static_files_router

from credicorp_auth import TokenVerifier
from credicorp_auth.resource.asgi import BearerGuard
from credicorp_auth.resource.litestar import Guard

READ, WRITE = "decisions:read", "applications:write"
verifier = TokenVerifier(issuer=os.environ["SERVICE_ISSUER"], audience="partner-api")
guard = Guard(verifier)
folder = Path(tempfile.mkdtemp())
(folder / "page.txt").write_text("a static page")
private = Path(tempfile.mkdtemp())
(private / "page.txt").write_text("a private page")


def emitted(connection: Any) -> dict[str, Any]:
    claims = connection.scope.get("credicorp_auth.claims")
    connection.scope["state"]["served"] = True
    return {"client": claims and claims.client_id}


@get("/decisions/{name:str}")
@guard.requires(READ)
async def read(request: Request, name: str) -> dict[str, Any]:
    assert request.auth is request.scope["credicorp_auth.claims"]
    return emitted(request)


@guard.requires(WRITE)
@post("/applications", sync_to_thread=True)
def apply(request: Request) -> dict[str, Any]:
    return emitted(request)


@get("/threaded", sync_to_thread=True)
@guard.requires(READ)
def threaded(request: Request) -> dict[str, Any]:
    return emitted(request)


@get("/cached", cache=60)
@guard.requires(READ)
async def cached(request: Request) -> dict[str, Any]:
    return emitted(request)


@get("/health")
@guard.public
async def health(request: Request) -> dict[str, Any]:
    return emitted(request)


@get("/unmarked", opt={"exclude_from_auth": True, "exclude_from_csrf": True})
async def unmarked(request: Request) -> dict[str, Any]:
    return emitted(request)


@head("/unmarked")
async def unmarked_head(request: Request) -> None:
    return None


@head("/decisions/{name:str}")
@guard.requires(READ)
async def read_head(request: Request, name: str) -> None:
    return None


@route("/own-options", http_method=["OPTIONS", "DELETE"], status_code=200)
async def own_options(request: Request) -> dict[str, Any]:
    return emitted(request)


@guard.requires(READ)
class Pages(Controller):
    path = "/pages"

    @get("/")
    async def index(self, request: Request) -> dict[str, Any]:
        return emitted(request)

    @post("/")
    @guard.requires(WRITE)
    async def write(self, request: Request) -> dict[str, Any]:
        return emitted(request)

    @get("/public")
    @guard.public
    async def not_public(self, request: Request) -> dict[str, Any]:
        return emitted(request)

    @websocket_stream("/stream")
    @guard.requires(WRITE)
    async def stream(self) -> Any:
        yield "one"


Pages.stream.fn.__annotations__["return"] = __import__("collections.abc").abc.AsyncGenerator[
    str, None
]


class Overriding(Pages):
    path = "/overriding"

    @post("/")
    async def write(self, request: Request) -> dict[str, Any]:
        return emitted(request)

    @get("/public")
    async def not_public(self, request: Request) -> dict[str, Any]:
        return emitted(request)


class Unmarked(Controller):
    path = "/controller"

    @get("/")
    async def index(self, request: Request) -> dict[str, Any]:
        return emitted(request)

    @get("/marked", sync_to_thread=True)
    @guard.requires(READ)
    def marked(self, request: Request) -> dict[str, Any]:
        return emitted(request)


@guard.public
class OpenBase(Controller):
    path = "/open-base"

    @get("/")
    async def index(self, request: Request) -> dict[str, Any]:
        return emitted(request)


class Derived(OpenBase):
    path = "/derived"


@get("/inner")
async def inner(request: Request) -> dict[str, Any]:
    return emitted(request)


@get("/inner-public")
@guard.public
async def inner_public(request: Request) -> dict[str, Any]:
    return emitted(request)


routed = guard.requires(READ)(Router("/routed", route_handlers=[inner, inner_public]))
outer = Router("/outer", route_handlers=[guard.requires(WRITE)(Router("/deep", route_handlers=[routed])), inner])  # fmt: skip


@websocket("/socket")
@guard.requires(READ)
async def socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(emitted(socket))
    await socket.close()


@websocket("/socket-unmarked")
async def socket_unmarked(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


@websocket_listener("/listener")
@guard.requires(READ)
async def listener(data: str) -> str:
    return data


@guard.requires(READ)
class Listener(WebsocketListener):
    path = "/listener-class"

    def on_receive(self, data: str) -> str:
        return data


class ListenerUnmarked(WebsocketListener):
    path = "/listener-unmarked"

    def on_receive(self, data: str) -> str:
        return data


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Be somebody's ASGI application."""
    body = str(scope.get("credicorp_auth.claims") and "known").encode()
    route = next(iter(scope["route_handler"].paths)).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"route", route)]})
    await send({"type": "http.response.body", "body": body})


@asgi("/mount-marked", is_mount=True, copy_scope=True)
@guard.requires(READ)
async def mount_marked(scope: Any, receive: Any, send: Any) -> None:
    await plain(scope, receive, send)


@asgi("/mount-unmarked", is_mount=True, copy_scope=True)
async def mount_unmarked(scope: Any, receive: Any, send: Any) -> None:
    await plain(scope, receive, send)


mount_wrapped = asgi("/mount-wrapped", is_mount=True, copy_scope=True)(BearerGuard(plain, verifier, scope=WRITE))  # fmt: skip


async def tell_route(message: Any, scope: Any) -> None:
    """Say which handler has been served, in a header."""
    if message["type"] == "http.response.start" and scope["state"].get("served"):
        message["headers"] = [*message["headers"], (b"route", scope["path_template"].encode())]


docs = Router("/schema", route_handlers=[], include_in_schema=False)
app = Litestar(
    [
        read, apply, threaded, cached, health, unmarked, unmarked_head, read_head, own_options, Pages, Overriding, Unmarked, OpenBase, Derived, routed,
        outer, socket, socket_unmarked, listener, Listener, ListenerUnmarked, mount_marked, mount_unmarked, mount_wrapped,
        create_static_files_router("/static", [folder]), create_static_files_router("/private", [private], name="private"),
    ],
    before_send=[tell_route],
    cors_config=CORSConfig(allow_origins=["https://pages.example"], allow_headers=["Authorization"]),
    on_app_init=[partial(guard.install, public=("static", "static/head"))],
    openapi_config=OpenAPIConfig("Service", "1", openapi_router=guard.public(docs)),
)  # fmt: skip


@get("/late")
async def late(request: Request) -> dict[str, Any]:
    return emitted(request)


@get("/late-marked")
@guard.requires(READ)
async def late_marked(request: Request) -> dict[str, Any]:
    return emitted(request)


app.register(late)
app.register(late_marked)


@get("/admin", sync_to_thread=False)
def admin() -> str:
    return "ADMIN SECRET"


wrapped = BearerGuard(Litestar([admin], openapi_config=None), verifier, scope=READ, open_paths=("/public",))  # fmt: skip
