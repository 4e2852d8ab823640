"""What is each framework's own: start-up, names of routes, late routes, views of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Annotated

import pytest
import quart
import quart.views
from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from flask import Blueprint, Flask, g
from flask.views import MethodView, View
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from credicorp_auth import Claims
from credicorp_auth.engine.keys.verifying import NoVerifier
from credicorp_auth.errors import InvalidSetting, UsageError
from credicorp_auth.resource import ANY_SCOPE
from credicorp_auth.resource import fastapi as fastapi_face
from credicorp_auth.resource import flask as flask_face
from credicorp_auth.resource import quart as quart_face
from credicorp_auth.resource import starlette as starlette_face
from credicorp_auth.resource.asgi import BearerGuard

READ, WRITE = "decisions:read", "applications:write"
DOCS = ("openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html")


def nothing():
    return {}


def fresh():
    """Make a handler that nobody has marked."""

    async def handler(_request):
        return PlainTextResponse("told")

    return handler


@pytest.fixture
def guard(issuer):
    return fastapi_face.Guard(issuer.verifier)


@pytest.fixture
def statuses(lab, issuer):
    """Ask for a path without a token, and with one for reading and one for writing."""

    def ask(app, path, method="GET", **scope):
        found = []
        for token in (None, issuer.read, issuer.write):
            headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
            request = {"type": "http", "method": method, "path": path, "root_path": "", "query_string": b"", "headers": headers, "scheme": "http", "http_version": "1.1", **scope}  # fmt: skip
            sent, waiting = [], [{"type": "http.request", "body": b""}]

            async def receive(waiting=waiting):
                if not waiting:
                    await asyncio.Event().wait()  # a client that stays
                return waiting.pop()

            async def send(message, sent=sent):
                sent.append(message)

            asyncio.run(app(request, receive, send))
            found.append(sent[0]["status"])
        return found

    return ask


@pytest.fixture
def events(caplog):
    """List the events of guards that the log was told, with a field of each."""
    caplog.set_level(logging.INFO, "credicorp_auth")

    def list_them(field, *names):
        emitted = [each.credicorp_event for each in caplog.records if each.msg == "%s"]
        return [event.fields[field] for event in emitted if event.name in names]

    return list_them


def start(app):
    """Run the start-up of an application as a server does; return how it ended."""
    sent = []

    async def receive():
        if sent:
            raise EOFError  # the server has stopped
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)

    with contextlib.suppress(EOFError, InvalidSetting):
        asyncio.run(app({"type": "lifespan", "asgi": {}, "state": {}}, receive, send))
    return sent[0]["type"].removeprefix("lifespan.startup."), sent[0].get("message", "")


# Starlette and FastAPI: the check at start-up


def test_fault_348_start_up_fails_if_a_handler_is_unmarked(guard, events):
    """All unmarked routes, mounts and folders are listed in one warning; marked ones are not."""
    app = FastAPI(openapi_url=None)
    app.get("/a")(guard.requires(READ)(lambda: None))
    app.get("/b")(nothing)
    router = APIRouter()
    router.get("/c")(lambda: None)
    app.include_router(router)
    app.mount("/files", StaticFiles(directory="."), name="files")
    app.router.routes.append(Mount("/m", routes=[Mount("/n", routes=[Route("/e", fresh())])]))
    guard.install(app)
    ended, message = start(app)

    assert "failed" == ended
    assert "4 routes are not marked" in message
    (handlers,) = events("handlers", "guard.unmarked")
    assert [4] == events("count", "guard.unmarked")
    assert "files" in handlers.split(", ")
    ends = {each.rpartition("test_frameworks.")[2] for each in handlers.split(", ")}
    assert {"nothing", "fresh.<locals>.handler"} <= ends


def test_fault_348_until_the_check_has_passed_every_request_is_refused(guard, statuses, events):
    """Without lifespan the first request checks: 403 also for what is marked, and one warning."""
    app = FastAPI()
    app.get("/a")(guard.requires(READ)(lambda: None))
    app.get("/open")(guard.public(lambda: None))
    app.get("/b")(nothing)
    guard.install(app, public=DOCS)

    assert [403] * 3 == statuses(app, "/a") == statuses(app, "/open") == statuses(app, "/b")
    assert [403] * 3 == statuses(app, "/docs") == statuses(app, "/nowhere")
    assert ["guard.unmarked"] == events("code", "guard.unchecked")
    assert 1 == len(events("count", "guard.unmarked"))
    assert {"guard.unmarked"} == set(events("code", "guard.refused"))


def test_a_server_that_goes_on_after_a_failed_start_up_serves_nothing(guard, statuses):
    """What failed at start-up is not tried again at the first request."""
    app = FastAPI(openapi_url=None)
    app.get("/b")(nothing)
    guard.install(app)

    assert ["failed", "failed"] == [start(app)[0], start(app)[0]]
    assert [403] * 3 == statuses(app, "/b")


@pytest.mark.parametrize("started", [True, False])
def test_fault_349_a_route_that_is_added_later_is_refused(started, guard, statuses):
    """In the application, in a router or an application below it, marked or not; the others go on."""
    app, sub, included, nested = FastAPI(), Starlette(), APIRouter(), APIRouter()
    included.get("/first")(guard.requires(READ)(lambda: None))
    app.include_router(included, prefix="/in")
    app.mount("/sub", sub)
    app.get("/a")(guard.requires(READ)(lambda: None))
    guard.install(app, public=DOCS)
    if started:
        assert "complete" == start(app)[0]
    assert [401, 200, 403] == statuses(app, "/a")

    app.get("/late")(guard.requires(READ)(lambda: None))
    app.get("/open")(guard.public(lambda: None))
    app.router.routes.append(Route("/appended", fresh()))
    app.router.routes.insert(0, Route("/inserted", guard.public(fresh())))
    app.router.add_websocket_route("/socket", fresh())
    sub.add_route("/late", guard.public(fresh()))
    included.get("/late")(guard.public(lambda: None))
    nested.get("/nested")(guard.public(lambda: None))
    included.include_router(nested)
    app.include_router(nested, prefix="/twice")
    app.mount("/mounted", Starlette(routes=[Route("/x", guard.public(fresh()))]))
    app.mount("/files", StaticFiles(directory="."))
    late = ["/late", "/open", "/appended", "/inserted", "/sub/late", "/in/late", "/in/nested", "/twice/nested", "/mounted/x", "/files/setup.cfg"]  # fmt: skip

    found = {path: statuses(app, path) for path in late}
    # FastAPI's earlier releases do not hear of what an included router is given later.
    assert {path: [403] * 3 for path in late} == {path: [403] * 3 if each == [404] * 3 else each for path, each in found.items()}  # fmt: skip
    assert {"/in/late", "/in/nested"} >= {path for path, each in found.items() if 404 in each}
    assert [401, 200, 403] == statuses(app, "/a") == statuses(app, "/in/first")
    app.router.routes[:] = app.router.routes[1:]
    app.router.routes = [Route("/new", guard.public(fresh())), *app.router.routes]
    assert [403] * 3 == statuses(app, "/new") == statuses(app, "/late")
    assert [401, 200, 403] == statuses(app, "/a")


def test_fault_349_an_application_in_the_place_of_a_mounted_one_is_refused(guard, statuses):
    """What is put into a mount, or behind a mounted application, was not checked."""
    routes = [Route("/a", guard.requires(READ)(fresh()))]
    mounts = [Mount(f"/{name}", Starlette(routes=routes)) for name in ("kept", "app", "router")]
    app = Starlette(routes=mounts)
    guard.install(app)
    assert "complete" == start(app)[0]
    mounts[1].app = told_app
    mounts[2].app.router = Router(routes=[Route("/a", fresh())])

    assert [401, 200, 403] == statuses(app, "/kept/a")
    assert [403] * 3 == statuses(app, "/app/a") == statuses(app, "/router/a")


def test_an_application_that_has_started_takes_no_guard(guard, statuses):
    """Its middleware is built: the guard would never be asked."""
    app = FastAPI()
    statuses(app, "/")
    with pytest.raises(UsageError) as refused:
        guard.install(app)

    assert "resource.installed_late" == refused.value.code


def test_routes_that_start_up_adds_are_checked(guard, statuses):
    """The check runs when the application's own start-up is over, before the first request."""

    @contextlib.asynccontextmanager
    async def lifespan(app):
        if not app.routes:
            app.add_route("/a", guard.requires(READ)(fresh()))
        yield {"kept": "state"}

    app = Starlette(lifespan=lifespan)
    guard.install(app)

    assert ["complete", "complete"] == [start(app)[0], start(app)[0]]
    assert [401, 200, 403] == statuses(app, "/a")


# Starlette and FastAPI: names, and what else counts as a mark


@pytest.mark.parametrize("public", [("nowhere",), ("twice",), "docs", ("a",)])
def test_fault_353_a_public_name_is_that_of_one_route(public, guard):
    """A name that no route, or several bear, fails the start, and so does a text."""
    inner = Starlette(routes=[Route("/a", fresh(), name="a")])
    app = Starlette(routes=[Route("/1", fresh(), name="twice"), Route("/2", fresh(), name="twice"), Route("/3", fresh(), name="docs"), Mount("/m", inner, name="m")])  # fmt: skip
    guard.install(app, public=public)
    ended, message = start(app)

    assert "failed" == ended
    assert "config.public_route" in message


def test_public_names_are_those_of_url_for(guard, statuses, tmp_path):
    """A docs page, a folder and what stands below a mount are open by their names, and only they."""
    (tmp_path / "page.txt").write_text("page")
    sub = FastAPI()
    sub.get("/a")(guard.requires(READ)(lambda: None))
    app = FastAPI(redoc_url=None, swagger_ui_oauth2_redirect_url=None)
    app.mount("/files", StaticFiles(directory=tmp_path), name="files")
    app.mount("/sub", sub, name="sub")
    guard.install(app, public=("files", "openapi", "swagger_ui_html", *(f"sub:{each}" for each in DOCS)))  # fmt: skip

    assert "complete" == start(app)[0]
    for path in ("/docs", "/openapi.json", "/files/page.txt", "/sub/docs", "/sub/openapi.json"):
        assert [200] * 3 == statuses(app, path)
    assert [401, 200, 403] == statuses(app, "/sub/a")


def test_a_mount_that_is_public_by_name_opens_what_demands_nothing(guard, statuses):
    """What is marked below it still demands its token."""
    inner = [Route("/open", fresh()), Route("/a", guard.requires(READ)(fresh()))]
    app = Starlette(routes=[Mount("/m", routes=inner, name="m")])
    guard.install(app, public=("m",))

    assert [200] * 3 == statuses(app, "/m/open")
    assert [401, 200, 403] == statuses(app, "/m/a")


def test_fault_351_wrapped_applications_and_wrappers(guard, issuer, statuses):
    """A `BearerGuard` around a mount is a mark for what has none, and adds to what has one."""

    def wrap(app):
        return BearerGuard(app, issuer.verifier, scope=READ)

    def routes():
        return [Route("/a", fresh()), Route("/b", guard.requires(WRITE)(fresh()))]

    marked = guard.requires(READ)(GZipMiddleware(Starlette(routes=routes())))
    bearer = Middleware(BearerGuard, verifier=issuer.verifier, scope=READ)
    app = Starlette(
        routes=[
            Mount("/wrapped", wrap(Starlette(routes=routes()))),
            Mount("/zipped", GZipMiddleware(wrap(GZipMiddleware(Router(routes=routes()))))),
            Mount("/middle", routes=routes(), middleware=[bearer]),
            Mount("/marked", marked),
            Mount("/plain", wrap(told_app)),
            Route("/route", wrap(told_app)),
            Route("/single", fresh(), middleware=[bearer]),
            Host("host.example", Router(routes=[Route("/h", guard.requires(READ)(fresh()))])),
        ]
    )  # fmt: skip
    guard.install(app)

    assert "complete" == start(app)[0]
    for path in ("/wrapped/a", "/zipped/a", "/middle/a", "/marked/a", "/plain/x", "/route", "/single"):  # fmt: skip
        assert [401, 200, 403] == statuses(app, path), path
    for path in ("/wrapped/b", "/zipped/b", "/middle/b", "/marked/b"):
        assert [401, 403, 403] == statuses(app, path), path


def test_a_mounted_application_with_a_guard_of_its_own_is_judged_by_it(guard, issuer, statuses):
    """The outer start checks it too; marks of the mount count as well, and names are its own."""
    own = starlette_face.Guard(issuer.verifier)

    def build(*extra):
        inner = FastAPI()
        inner.get("/a")(own.requires(WRITE)(lambda: None))
        inner.get("/open")(own.public(lambda: None))
        for each in extra:
            inner.get("/unmarked")(each)
        own.install(inner, public=DOCS)
        return inner

    app = FastAPI()
    app.mount("/plain", GZipMiddleware(build()))
    app.mount("/marked", guard.requires(READ)(build()))
    app.mount("/named", build(), name="named")
    guard.install(app, public=("named", *DOCS))
    late = FastAPI(openapi_url=None)
    late.mount("/inner", build(lambda: None))
    guard.install(late)

    assert "complete" == start(app)[0]
    assert [401, 403, 200] == statuses(app, "/plain/a") == statuses(app, "/named/a")
    assert [200] * 3 == statuses(app, "/plain/docs") == statuses(app, "/named/open")
    assert [401, 403, 403] == statuses(app, "/marked/a")
    assert [401, 200, 403] == statuses(app, "/marked/open")
    assert "failed" == start(late)[0]
    assert [403] * 3 == statuses(late, "/inner/a")


def test_what_answers_for_browsers_stands_outside(guard, statuses):
    """A preflight of CORS, which carries no token, is answered before the router is asked."""
    app = Starlette(routes=[Route("/a", guard.requires(READ)(fresh()))])
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_headers=["Authorization"])
    guard.install(app)

    def preflight(scope, receive, send):
        asked = [(b"origin", b"https://a.example"), (b"access-control-request-method", b"GET")]
        return app({**scope, "headers": [*scope["headers"], *asked]}, receive, send)

    assert [200] * 3 == statuses(preflight, "/a", "OPTIONS")
    assert [401, 200, 403] == statuses(preflight, "/a")


async def told_app(scope, receive, send):
    await PlainTextResponse("told")(scope, receive, send)


def test_hosts_and_routes_of_ones_own(guard, statuses):
    """A `Host` is a mount by another name; a kind of route that nobody knows is open by name alone."""

    class Own(BaseRoute):
        name = "own"

        def matches(self, scope):
            return (Match.FULL if scope["path"] == "/own" else Match.NONE), {}

        async def handle(self, scope, receive, send):
            await told_app(scope, receive, send)

    host = Host("a.example", Router(routes=[Route("/h", guard.requires(READ)(fresh()))]), name="h")
    app = Starlette(routes=[host, Own()])
    guard.install(app, public=("own",))
    unmarked = Starlette(routes=[Own(), Host("b.example", told_app)])
    starlette_face.Guard(NoVerifier()).install(unmarked)

    assert [401, 200, 403] == statuses_of_host(statuses, app)
    assert [200] * 3 == statuses(app, "/own")
    assert [403] * 3 == statuses(unmarked, "/own")


def statuses_of_host(statuses, app):
    def with_host(scope, receive, send):
        headers = [*scope["headers"], (b"host", b"a.example")]
        return app({**scope, "headers": headers}, receive, send)

    return statuses(with_host, "/h")


def test_a_fallback_of_a_router_is_a_handler(guard, statuses):
    """`default` serves what no route matches: it is marked, or the start fails, or it came late."""
    app = Starlette(routes=[Mount("/m", Router(default=guard.requires(READ)(default_app())))])
    guard.install(app)
    assert [401, 200, 403] == statuses(app, "/m/anything")
    app.routes[0].app.default = told_app
    assert [403] * 3 == statuses(app, "/m/anything")

    unmarked = Starlette(routes=[Mount("/m", Router(default=told_app))])
    guard.install(unmarked)
    assert "m:default" not in start(unmarked)[1]
    assert [403] * 3 == statuses(unmarked, "/m/anything")


def default_app():
    async def app(scope, receive, send):
        await told_app(scope, receive, send)

    return app


def test_classes_are_judged_by_their_methods(guard, statuses, issuer):
    """HEAD is judged as GET unless the class has one; a method that is not marked is refused."""
    plain = starlette_face.Guard(issuer.verifier)

    class Page(HTTPEndpoint):
        @plain.requires(READ)
        async def get(self, _request):
            return PlainTextResponse("got")

        @plain.requires(WRITE)
        def post(self, _request):
            return PlainTextResponse("posted")

    @plain.requires(READ)
    class Whole(HTTPEndpoint):
        @plain.requires(WRITE)
        async def purge(self, _request): ...

        async def get(self, _request):
            return PlainTextResponse("got")

        @plain.public
        async def head(self, _request):
            return PlainTextResponse("")

    app = Starlette(routes=[Route("/page", Page), Route("/whole", Whole)])
    plain.install(app)

    assert [401, 200, 403] == statuses(app, "/page") == statuses(app, "/page", "HEAD")
    assert [401, 403, 200] == statuses(app, "/page", "POST")
    assert [403, 403, 403] == statuses(app, "/page", "DELETE")
    assert [401, 200, 403] == statuses(app, "/whole") == statuses(app, "/whole", "HEAD")
    assert [401, 405, 403] == statuses(app, "/whole", "OPTIONS")
    assert [401, 403, 403] == statuses(app, "/whole", "PURGE")


def test_an_application_without_a_mark_on_a_method_does_not_start(guard):
    """A class of which one method is marked and another is not."""

    class Page(HTTPEndpoint):
        @guard.requires(READ)
        async def get(self, _request): ...

        async def post(self, _request): ...

    app = Starlette(routes=[Route("/page", Page)])
    guard.install(app)
    ended, message = start(app)

    assert "failed" == ended
    assert "Page.post" in message
    assert "Page.get" not in message


def test_what_the_router_says_itself_passes(guard, statuses):
    """404 and redirects are the router's; 405 comes after the token that the route demands."""
    app = FastAPI(openapi_url=None)
    app.post("/a")(guard.requires(READ)(lambda: None))
    app.get("/b/")(guard.requires(READ)(lambda: None))
    guard.install(app)
    server = {"server": ("a.example", 80)}

    assert [404] * 3 == statuses(app, "/nowhere")
    assert [307] * 3 == statuses(app, "/b", **server)
    assert [401, 405, 403] == statuses(app, "/a") == statuses(app, "/a", "OPTIONS")


def test_a_connection_of_an_unknown_kind_is_not_let_through(guard, lab):
    """What cannot be judged does not reach the router."""
    app = Starlette()
    guard.install(app)
    with pytest.raises(UsageError) as refused:
        lab.drive(app, {"type": "webtransport"})

    assert "resource.connection" == refused.value.code


# FastAPI alone


def test_openapi_shows_what_is_guarded(guard):
    """The scheme is HTTP bearer, and the paths that have the dependency name it; nothing else shows."""
    app = FastAPI()
    app.get("/a", dependencies=[Depends(guard.requires(READ))])(nothing)
    app.get("/b", dependencies=[Depends(guard.requires(ANY_SCOPE))])(nothing)
    app.get("/c")(nothing)
    described = app.openapi()

    assert {"bearer": {"type": "http", "scheme": "bearer"}} == described["components"][
        "securitySchemes"
    ]
    shown = {path: each["get"].get("security") for path, each in described["paths"].items()}
    assert {"/a": [{"bearer": []}], "/b": [{"bearer": []}], "/c": None} == shown
    assert "parameters" not in described["paths"]["/a"]["get"]


def test_a_guard_that_was_not_installed_leaves_nothing_open(guard, issuer, lab):
    """Without it the dependency refuses with the right status and challenge; the body is FastAPI's."""
    app = FastAPI(dependencies=[Depends(guard.requires(READ))])
    app.get("/a")(lambda: "a")
    with lab.uvicorn_serving(app) as port:
        bare = lab.ask(port, "/a", token=issuer.write)
        good = lab.ask(port, "/a", token=issuer.read)

    assert (403, 200) == (bare.status, good.status)
    assert 'error="insufficient_scope"' in bare.headers["WWW-Authenticate"]
    assert "no-store" == bare.headers["Cache-Control"]
    assert {"detail": "Forbidden"} == json.loads(bare.body)


def test_fault_351_dependencies_of_every_level_are_marks_and_add_up(guard, statuses):
    """Of the application, a router, an inclusion, an operation and another dependency."""
    reader, writer = Depends(guard.requires(READ)), Depends(guard.requires(WRITE))

    def below(claims: Annotated[Claims, reader]):
        return claims.client_id

    below.__annotations__["claims"] = Annotated[Claims, reader]
    app, inner, outer = FastAPI(openapi_url=None), APIRouter(), APIRouter(dependencies=[reader])
    inner.get("/included")(lambda: None)
    inner.get("/both", dependencies=[writer])(lambda: None)
    outer.get("/router")(lambda: None)
    app.include_router(inner, dependencies=[reader])
    app.include_router(inner, prefix="/write", dependencies=[writer])
    app.include_router(outer, prefix="/out")
    app.get("/deep", dependencies=[Depends(below)])(lambda: None)
    app.get("/marked", dependencies=[reader])(guard.requires(WRITE)(lambda: None))
    guard.install(app)

    assert "complete" == start(app)[0]
    for path in ("/included", "/out/router", "/deep"):
        assert [401, 200, 403] == statuses(app, path)
    assert [401, 403, 200] == statuses(app, "/write/included") == statuses(app, "/write/both")
    assert [401, 403, 403] == statuses(app, "/both") == statuses(app, "/marked")


def test_whatever_an_included_router_holds_is_judged(guard, statuses, tmp_path):
    """Plain routes, mounts, hosts and routers in it, also after what FastAPI derives was rebuilt."""
    (tmp_path / "page.txt").write_text("page")
    outer, inner = APIRouter(), APIRouter()
    inner.add_route("/plain", guard.requires(READ)(fresh()))
    inner.mount("/mount", Starlette(routes=[Route("/a", guard.requires(READ)(fresh()))]))
    inner.mount("/files", guard.requires(READ)(StaticFiles(directory=tmp_path)))
    inner.get("/named", name="named")(lambda: None)
    inner.host("a.example", Router(routes=[Route("/h", guard.requires(READ)(fresh()))]))
    outer.include_router(inner, prefix="/in")
    app = FastAPI(openapi_url=None)
    app.include_router(outer, prefix="/out")
    app.openapi()
    guard.install(app, public=("named",))
    # FastAPI's earlier releases leave out what is mounted in an included router.
    all_paths = ["/out/in/plain", "/out/in/mount/a", "/out/in/files/page.txt"]
    paths = [path for path in all_paths if statuses(app, path) != [404] * 3]
    before = [statuses(app, path) for path in paths]
    inner.get("/late")(lambda: None)
    after = [statuses(app, path) for path in paths]

    assert "/out/in/plain" in paths
    assert [[401, 200, 403]] * len(paths) == before == after
    assert [200] * 3 == statuses(app, "/out/in/named")
    assert statuses(app, "/out/in/late") in ([403] * 3, [404] * 3)


def test_the_claims_of_the_route_are_those_of_the_dependency(guard, statuses):
    """A token that the route has judged is not verified again; another guard judges it itself."""
    verified = []

    class Counting:
        async def averify(self, token, *, required_scope):
            verified.append(str(required_scope))
            return {"client": len(verified)}

    counting, other = fastapi_face.Guard(Counting()), fastapi_face.Guard(Counting())

    def read(claims, again):
        return [claims["client"], again["client"]]

    read.__annotations__.update(claims=Annotated[dict, Depends(counting.requires("a"))], again=Annotated[dict, Depends(counting.requires(ANY_SCOPE))])  # fmt: skip
    app, outer = FastAPI(openapi_url=None), Starlette()
    app.get("/a")(read)
    counting.install(app)
    outer.mount("/m", BearerGuard(app, Counting(), scope="outer"))
    bare = FastAPI(openapi_url=None)
    bare.get("/a", dependencies=[Depends(other.requires("b"))])(lambda: None)
    wrapped = BearerGuard(bare, Counting(), scope="outer")

    assert [401, 200, 200] == statuses(outer, "/m/a")
    assert ["outer", "a"] * 2 == verified
    verified.clear()
    assert [401, 200, 200] == statuses(wrapped, "/a")
    assert ["outer", "b"] * 2 == verified


def test_a_body_is_not_read_of_strangers(guard, issuer, lab):
    """A refusal comes before FastAPI parses anything: no 422 to a caller without a token."""
    app = FastAPI(openapi_url=None)

    def take(body, claims):
        return {}

    take.__annotations__.update(body=dict, claims=Annotated[Claims, Depends(guard.requires(READ))])
    app.post("/a")(take)
    guard.install(app)
    with lab.uvicorn_serving(app) as port:
        headers = [("Content-Type", "application/json"), ("Content-Length", "1")]
        replies = [lab.ask(port, "/a", method="POST", headers=headers, body=b"{", token=each).status for each in (None, issuer.read)]  # fmt: skip

    assert [401, 422] == replies


def test_other_handlers_do_not_hear_of_it(guard, statuses):
    """An application's handler for its own HTTP errors is asked for those alone."""
    app, heard = FastAPI(openapi_url=None), []

    @app.exception_handler(HTTPException)
    async def handle(_request, error):
        heard.append(error.detail)
        return JSONResponse({"mine": error.detail}, error.status_code)

    @app.get("/mine")
    @guard.public
    def mine():
        raise HTTPException(418, "tea")

    app.get("/a")(guard.requires(READ)(lambda: None))
    guard.install(app)

    assert [418] * 3 == statuses(app, "/mine")
    assert [401, 200, 403] == statuses(app, "/a")
    assert ["tea"] * 3 == heard


@pytest.mark.parametrize("included", [False, True])
def test_a_frontend_of_fastapi_is_guarded_by_its_router(included, guard, statuses, tmp_path):
    """Files of `frontend()` demand what their router's dependencies say, or the start fails."""
    if not hasattr(APIRouter, "frontend"):
        pytest.skip("this FastAPI has no frontends")
    (tmp_path / "index.html").write_text("page")
    reader = Depends(guard.requires(READ))
    for dependencies, expected in ([reader], [401, 200, 403]), ([], [403] * 3):
        app, router = FastAPI(openapi_url=None), APIRouter(dependencies=dependencies)
        router.frontend("/site", directory=tmp_path)
        if included:
            app.include_router(router)
        else:
            app.mount("", router)
        guard.install(app)

        assert ("complete" if dependencies else "failed") == start(app)[0]
        assert expected == statuses(app, "/site/index.html")


# Flask and Quart


def flask_views(app, guard, g):  # noqa: C901 - one view after the other
    """Declare views of every kind; the same for both frameworks."""
    kind, blueprint = (MethodView, Blueprint) if g is not quart.g else (quart.views.MethodView, quart.Blueprint)  # fmt: skip
    outer, inner = blueprint("outer", "outer"), blueprint("inner", "inner")

    @app.get("/sync")
    @guard.requires(READ)
    def sync_view():
        return {"client": g.claims.client_id}

    @inner.get("/async")
    @guard.requires(READ)
    async def async_view():
        return {"client": g.claims.client_id}

    class Methods(kind):
        @guard.requires(READ)
        def get(self):
            return {"client": g.claims.client_id}

        @guard.requires(WRITE)
        async def post(self):
            return {"client": g.claims.client_id}

        def put(self):
            return {}

    class Decorated(kind):
        decorators = (guard.requires(READ),)

        async def get(self):
            return {"client": g.claims.client_id}

    @guard.requires(READ)
    class Whole(kind):
        def get(self):
            return {"client": g.claims.client_id}

        @guard.requires(WRITE)
        def options(self):
            return {}

    @inner.before_request
    async def response():
        return {"served": "by a hook"}

    @app.get("/open")
    @guard.public
    def open_view():
        return {}

    @app.get("/unmarked")
    def unmarked():
        return {}

    outer.register_blueprint(inner, url_prefix="/in")
    app.register_blueprint(outer, url_prefix="/out")
    for view in (Methods, Decorated, Whole):
        name = view.__name__.lower()
        app.add_url_rule(f"/{name}", view_func=view.as_view(name))


def build_flask(verifier, folder):
    app, guard = Flask("service", static_folder=folder, static_url_path="/files"), flask_face.Guard(verifier)  # fmt: skip
    app.before_request(lambda: {"served": "by a hook"} if quart_or_flask_path(app) == "/hooked" else None)  # fmt: skip
    rules = guard.install(app, public=("static",))
    flask_views(app, guard, g)
    return app, guard, rules


def build_quart(verifier, folder):
    app, guard = quart.Quart("service", static_folder=folder, static_url_path="/files"), quart_face.Guard(verifier)  # fmt: skip
    rules = guard.install(app, public=("static",))
    flask_views(app, guard, quart.g)
    return app, guard, rules


def quart_or_flask_path(_app):
    from flask import request

    return request.path


@pytest.fixture(params=["flask", "quart"])
def service(request, issuer, lab, tmp_path):
    """Build a service of either framework, and how to ask it."""
    (tmp_path / "page.txt").write_text("page")
    build = build_flask if request.param == "flask" else build_quart
    app, guard, rules = build(issuer.verifier, tmp_path)

    def ask(path, method="GET"):
        tokens = (None, issuer.read, issuer.write)
        headers = [{} if each is None else {"Authorization": f"Bearer {each}"} for each in tokens]
        if request.param == "flask":
            replies = [
                app.test_client().open(path, method=method, headers=each) for each in headers
            ]
            for reply in replies:
                reply.close()
            return [reply.status_code for reply in replies]

        async def ask_each():
            client = app.test_client()
            return [(await client.open(path, method=method, headers=each)).status_code for each in headers]  # fmt: skip

        return asyncio.run(ask_each())

    return type("Service", (), {"app": app, "guard": guard, "rules": rules, "ask": staticmethod(ask)})  # fmt: skip


def test_views_of_every_kind(service):
    """Functions, coroutines, nested blueprints and classes, marked whole, by method or by decorator."""
    for path in ("/sync", "/out/in/async", "/methods", "/decorated", "/whole"):
        assert [401, 200, 403] == service.ask(path) == service.ask(path, "HEAD"), path
    assert [401, 403, 200] == service.ask("/methods", "POST")
    assert [200] * 3 == service.ask("/open") == service.ask("/files/page.txt")


def test_fault_348_an_unmarked_view_is_refused_and_listed(service, events):
    """403 to everybody; the first request lists all of them, each method of a class by itself."""
    assert [403] * 3 == service.ask("/unmarked") == service.ask("/methods", "PUT")
    (handlers,) = events("handlers", "guard.unmarked")
    assert handlers == ", ".join(service.rules.list_unmarked())
    assert ["methods (", "unmarked ("] == [each.split("(")[0] + "(" for each in handlers.split(", ")]  # fmt: skip
    assert "Methods.put" in handlers


def test_what_the_framework_says_itself_passes(service):
    """404, 405, redirects and the automatic OPTIONS; a view for OPTIONS is one like any other."""
    assert [404] * 3 == service.ask("/nowhere")
    assert [405] * 3 == service.ask("/sync", "DELETE")
    assert [200] * 3 == service.ask("/sync", "OPTIONS") == service.ask("/methods", "OPTIONS")
    assert [401, 403, 403] == service.ask("/whole", "OPTIONS")


def test_hooks_of_blueprints_and_applications_come_later(service):
    """A hook that responds itself, registered before the guard or on a blueprint, is not asked first."""
    service.app.view_functions["outer.inner.async_view"] = dict
    assert [403] * 3 == service.ask("/out/in/async")


def test_fault_349_a_view_in_the_place_of_a_public_one_is_not_public(service):
    """What is open is the view that bore the name, and not what stands there later."""
    service.ask("/open")
    service.app.view_functions["static"] = lambda **_: {}

    assert [403] * 3 == service.ask("/files/page.txt")


def test_fault_353_public_endpoints_exist_once(service):
    """A name of no rule, or of two, is refused when the guard is installed."""
    service.app._got_first_request = False
    service.app.add_url_rule("/again", "unmarked")
    for public in (["nowhere"], ["unmarked"], "static"):
        with pytest.raises(InvalidSetting) as refused:
            service.guard.install(service.app, public=public)
        assert "config.public_route" == refused.value.code


def test_contradicting_marks_let_nobody_in(service, events):
    """Two guards on one view are told to the log, and the view is refused."""
    other = type(service.guard)(NoVerifier())
    kind = MethodView if isinstance(service.app, Flask) else quart.views.MethodView

    @other.requires(READ)
    class Twice(kind):
        @service.guard.requires(READ)
        def get(self):
            return {}

    service.app.add_url_rule("/twice", view_func=Twice.as_view("twice"))

    assert [403] * 3 == service.ask("/twice")
    assert {"config.mark"} == set(events("code", "guard.unchecked"))


def test_a_view_of_flask_without_methods_is_judged_by_its_class(issuer):
    """`View` has one method for all; the mark stands on it, or on the class."""
    app, guard = Flask("service"), flask_face.Guard(issuer.verifier)
    rules = guard.install(app, public=["static"])

    class Single(View):
        @guard.requires(READ)
        def dispatch_request(self):
            return {}

    app.add_url_rule("/single", view_func=Single.as_view("single"))
    client = app.test_client()

    assert 401 == client.get("/single").status_code
    assert 200 == client.get("/single", headers={"Authorization": f"Bearer {issuer.read}"}).status_code  # fmt: skip
    assert [] == rules.list_unmarked()


def test_quart_lists_at_start_up(issuer, events):
    """A server that runs the lifespan hears of unmarked views before the first request."""
    app = quart.Quart("service")
    quart_face.Guard(issuer.verifier).install(app)
    asyncio.run(app.startup())

    assert [1] == events("count", "guard.unmarked")


def test_what_a_view_raises_is_the_views(issuer):
    """Exceptions of a guarded view go through as they are."""
    app, guard = Flask("service"), flask_face.Guard(issuer.verifier)
    guard.install(app)
    app.testing = True

    @app.get("/broken")
    @guard.requires(READ)
    def broken():
        raise KeyError("the view's own")

    with pytest.raises(KeyError, match="the view's own"):
        app.test_client().get("/broken", headers={"Authorization": f"Bearer {issuer.read}"})
