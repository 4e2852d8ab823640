"""Applications for servers that import what they serve; also built by the tests themselves."""

from __future__ import annotations

import os
from pathlib import Path

from credicorp_auth import TokenVerifier
from credicorp_auth.resource import asgi, wsgi

WRITE = "applications:write"
FOLDER = Path(__file__).parent / "static"
STATIC = b"not for everybody"


def build_quart(verifier, *, wrapped=False):
    """Build a Quart application, with marks or with a guard around it."""
    from quart import Blueprint, Quart, websocket

    from credicorp_auth.resource.quart import Guard

    app, pages, guard = Quart("served", static_folder=FOLDER, static_url_path="/files"), Blueprint("pages", "pages"), Guard(verifier)  # fmt: skip

    @app.get("/admin")
    @guard.requires(WRITE)
    async def admin():
        return "CLASSIFIED"

    @app.get("/")
    @guard.public
    def home():
        return "home"

    @pages.get("/admin")
    @guard.requires(WRITE)
    def below():
        return "CLASSIFIED"

    @pages.websocket("/socket")
    @guard.requires(WRITE)
    async def talk():
        await websocket.send("CLASSIFIED")

    app.register_blueprint(pages, url_prefix="/sub")
    if wrapped:
        app.asgi_app = asgi.BearerGuard(app.asgi_app, verifier, scope=WRITE, open_paths=["/"])
    else:
        guard.install(app)
    return app


def build_starlette(verifier):
    """Build a Starlette application with mounts in mounts, a class and a folder."""
    from starlette.applications import Starlette
    from starlette.endpoints import HTTPEndpoint
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    from credicorp_auth.resource.starlette import Guard

    guard = Guard(verifier)

    @guard.requires(WRITE)
    async def serve(_request):
        return PlainTextResponse("CLASSIFIED")

    @guard.public
    async def home(_request):
        return PlainTextResponse("home")

    @guard.requires(WRITE)
    async def talk(websocket):
        await websocket.accept()
        await websocket.send_text("CLASSIFIED")
        await websocket.close()

    @guard.requires(WRITE)
    class Admin(HTTPEndpoint):
        async def get(self, _request):
            return PlainTextResponse("CLASSIFIED")

    inner = Starlette(routes=[Route("/admin", Admin), WebSocketRoute("/socket", talk)])
    mounts = [Mount("/in", app=GZipMiddleware(inner)), Route("/admin", serve)]
    app = Starlette(
        middleware=[Middleware(GZipMiddleware)],
        routes=[
            Route("/", home),
            Route("/admin", serve),
            Mount("/sub", routes=mounts),
            Mount("/files", guard.requires(WRITE)(StaticFiles(directory=FOLDER))),
        ],
    )
    guard.install(app)
    return app


def build_fastapi(verifier, *, root_path="", wrapped=False):
    """Build a FastAPI application that may set its `root_path` itself, with marks or wrapped."""
    from fastapi import APIRouter, Depends, FastAPI, WebSocket
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.staticfiles import StaticFiles

    from credicorp_auth.resource.fastapi import Guard

    app, sub, guard = FastAPI(), FastAPI(openapi_url=None), Guard(verifier)
    app.root_path = sub.root_path = root_path
    needed = [Depends(guard.requires(WRITE))]

    def serve():
        return "CLASSIFIED"

    async def talk(websocket):
        await websocket.accept()
        await websocket.send_text("CLASSIFIED")
        await websocket.close()

    talk.__annotations__["websocket"] = WebSocket
    router = APIRouter(dependencies=needed)
    router.get("/admin")(serve)
    router.websocket("/socket")(talk)
    app.get("/")(guard.public(lambda: "home"))
    app.get("/admin", dependencies=needed)(serve)
    app.include_router(router, prefix="/sub")
    sub.get("/admin")(guard.requires(WRITE)(lambda: "CLASSIFIED"))
    app.mount("/mounted", sub)
    app.mount("/files", StaticFiles(directory=FOLDER), name="files")
    if wrapped:
        return asgi.BearerGuard(GZipMiddleware(app), verifier, scope=WRITE, open_paths=["/"])
    app.router.routes[-1].app = guard.requires(WRITE)(app.router.routes[-1].app)
    guard.install(app, public=("openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html"))
    return GZipMiddleware(app)


def build_flask(verifier, *, wrapped=False):
    """Build a Flask application with blueprints, with marks or with a guard around it."""
    from flask import Blueprint, Flask
    from flask.views import MethodView

    from credicorp_auth.resource.flask import Guard

    guard = Guard(verifier)
    app = Flask("served", static_folder=FOLDER, static_url_path="/files")
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")

    class Admin(MethodView):
        @guard.requires(WRITE)
        def get(self):
            return "CLASSIFIED"

    app.add_url_rule("/", "home", guard.public(lambda: "home"))
    app.add_url_rule("/admin", "admin", guard.requires(WRITE)(lambda: "CLASSIFIED"))
    inner.add_url_rule("/admin", view_func=Admin.as_view("view"))
    outer.register_blueprint(inner, url_prefix="/in")
    app.register_blueprint(outer, url_prefix="/sub")
    if wrapped:
        app.wsgi_app = wsgi.BearerGuard(app.wsgi_app, verifier, scope=WRITE, open_paths=["/"])
    else:
        guard.install(app)
    return app


BUILD = {
    "quart_marked": build_quart,
    "quart_wrapped": lambda verifier: build_quart(verifier, wrapped=True),
    "starlette_marked": build_starlette,
    "fastapi_marked": build_fastapi,
    "fastapi_marked_root": lambda verifier: build_fastapi(verifier, root_path="/api"),
    "fastapi_wrapped_root": lambda verifier: build_fastapi(verifier, root_path="/api", wrapped=True),
    "flask_marked": build_flask,
    "flask_wrapped": lambda verifier: build_flask(verifier, wrapped=True),
}  # fmt: skip


def __getattr__(name):
    if name not in BUILD:
        raise AttributeError(name)
    issuer = os.environ["CREDICORP_ISSUER"]
    return BUILD[name](TokenVerifier(issuer=issuer, audience="partner-api"))
