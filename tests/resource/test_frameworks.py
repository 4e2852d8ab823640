"""What is FastAPI's and Flask's own: dependencies, OpenAPI, handlers, views of every kind."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import JSONResponse
from flask import Blueprint, Flask, g
from flask.views import MethodView
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from credicorp_auth import Claims
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource import fastapi as fastapi_face
from credicorp_auth.resource import flask as flask_face


def nothing():
    return {}


@pytest.fixture
def guard(issuer):
    return fastapi_face.BearerGuard(issuer.verifier)


def test_openapi_shows_what_is_guarded(guard):
    """The scheme is HTTP bearer, and the paths that have the dependency name it; nothing else shows."""
    app = FastAPI()
    app.get("/a", dependencies=[Depends(guard.requires("decisions:read"))])(nothing)
    app.get("/b", dependencies=[Depends(guard.requires())])(nothing)
    app.get("/c")(nothing)
    described = app.openapi()

    assert {"bearer": {"type": "http", "scheme": "bearer"}} == described["components"][
        "securitySchemes"
    ]
    shown = {path: each["get"].get("security") for path, each in described["paths"].items()}
    assert {"/a": [{"bearer": []}], "/b": [{"bearer": []}], "/c": None} == shown
    assert "parameters" not in described["paths"]["/a"]["get"]


def test_a_handler_that_was_not_installed_leaves_nothing_open(guard, issuer, bench):
    """Without it the refusal has the right status and challenge; only its body is FastAPI's."""
    app = FastAPI(dependencies=[Depends(guard.requires("decisions:read"))])
    app.get("/a")(nothing)
    with bench.uvicorn_serving(app) as port:
        bare = bench.ask(port, "/a", token=issuer.write)
        guard.install(app)
        app.middleware_stack = None  # built anew for the next request
        whole = bench.ask(port, "/a", token=issuer.write)

    assert 403 == bare.status == whole.status
    assert bare.headers["WWW-Authenticate"] == whole.headers["WWW-Authenticate"]
    assert "no-store" == bare.headers["Cache-Control"]
    assert {"detail": "Forbidden"} == json.loads(bare.body)
    assert "insufficient_scope" == whole.error["code"]


def test_other_handlers_do_not_hear_of_it(guard, bench):
    """An application's handler for its own HTTP errors is asked for those alone."""
    app = FastAPI()
    guard.install(app)

    @app.exception_handler(HTTPException)
    async def handle(_request, error):
        return JSONResponse({"mine": error.detail}, error.status_code)

    @app.get("/mine")
    def mine():
        raise HTTPException(418, "tea")

    app.get("/a", dependencies=[Depends(guard.requires())])(nothing)
    with bench.uvicorn_serving(app) as port:
        replies = bench.ask(port, "/mine"), bench.ask(port, "/a")

    assert {"mine": "tea"} == json.loads(replies[0].body)
    assert "invalid_token" == replies[1].error["code"]


def test_routers_and_mounted_applications(guard, issuer, bench):
    """A router's dependency guards all its paths, in an application that is mounted as well."""
    router = APIRouter(dependencies=[Depends(guard.requires("decisions:read"))])
    router.get("/a")(nothing)
    inner, outer = FastAPI(), FastAPI()
    inner.include_router(router)
    guard.install(inner)
    outer.mount("/v1", inner)
    with bench.uvicorn_serving(outer) as port:
        replies = [bench.ask(port, "/v1/a", token=each) for each in (issuer.read, issuer.write)]

    assert [200, 403] == [each.status for each in replies]
    assert "insufficient_scope" == replies[1].error["code"]


def test_a_websocket_of_fastapi(issuer, bench):
    """A WebSocket has the same dependency, and is refused in HTTP before it is accepted."""
    app = FastAPI()
    guard = fastapi_face.BearerGuard(issuer.verifier, app, realm="sockets")

    async def talk(websocket, claims):
        await websocket.accept()
        await websocket.send_text(claims.client_id)
        await websocket.close()

    reader = Depends(guard.requires("decisions:read"))
    talk.__annotations__.update(websocket=WebSocket, claims=Annotated[Claims, reader])
    app.websocket("/talk")(talk)
    with bench.uvicorn_serving(app) as port:
        url = f"ws://127.0.0.1:{port}/talk"
        good = {"Authorization": f"Bearer {issuer.read}"}
        with connect(url, additional_headers=good, proxy=None) as socket:
            told = socket.recv()
        with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
            pass

    closed = bench.drive(
        app,
        {"type": "websocket", "path": "/talk", "query_string": b""},
        {"type": "websocket.connect"},
    )
    assert [("websocket.close", 1008)] == [(each["type"], each["code"]) for each in closed]
    assert issuer.sandbox.client_id == told
    assert 401 == refused.value.response.status_code
    assert 'Bearer realm="sockets"' == refused.value.response.headers["WWW-Authenticate"]


@pytest.mark.parametrize("face", [fastapi_face, flask_face])
@pytest.mark.parametrize("scope", [None, 7, ["a"], print])
def test_a_scope_that_is_none_is_found_at_the_start(face, scope, issuer):
    """None, and a view where `()` was forgotten, are refused when the service is written."""
    with pytest.raises(InvalidSetting) as refused:
        face.BearerGuard(issuer.verifier).requires(scope)

    assert "config.required_scope" == refused.value.code


def test_views_of_every_kind(issuer, bench):
    """Functions, coroutines, classes and blueprints of Flask; each has its claims."""
    app, pages = Flask("service"), Blueprint("pages", "pages")
    guard = flask_face.BearerGuard(issuer.verifier)

    @pages.get("/sync")
    @guard.requires()
    def sync_view():
        return {"kind": g.claims.client_id}

    @pages.get("/async")
    @guard.requires("decisions:read")
    async def async_view():
        """Say who came."""
        return {"kind": g.claims.client_id}

    class View(MethodView):
        decorators = (guard.requires("decisions:read"),)

        def get(self):
            return {"kind": g.claims.client_id}

    app.register_blueprint(pages)
    app.add_url_rule("/class", view_func=View.as_view("class"))
    paths = ["/sync", "/async", "/class"]
    with bench.werkzeug_serving(app) as port:
        good = [bench.ask(port, path, token=issuer.read) for path in paths]
        bad = [bench.ask(port, path, token=issuer.write).status for path in paths]

    assert [issuer.sandbox.client_id] * 3 == [json.loads(each.body)["kind"] for each in good]
    assert [200, 403, 403] == bad
    assert "Say who came." == app.view_functions["pages.async_view"].__doc__


def test_what_a_view_raises_is_the_views(issuer):
    """Exceptions of a guarded view go through as they are."""
    app = Flask("service")

    @flask_face.BearerGuard(issuer.verifier).requires()
    def broken():
        raise KeyError("the view's own")

    with app.test_request_context(headers={"Authorization": f"Bearer {issuer.read}"}):
        with pytest.raises(KeyError, match="the view's own"):
            broken()
