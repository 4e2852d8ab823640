"""One service, built with each framework: every response names what its handler demands."""

from __future__ import annotations

import os
from functools import partial

from credicorp_auth import TokenVerifier

READ, WRITE, PUBLIC, UNMARKED = "decisions:read", "applications:write", "public", "unmarked"
FRAMEWORK, MODE = os.environ["FUZZED"].split(" ")
MOUNT = "/mounted"
OPEN_PATHS = ("/", "/health")
# As the guards of the first edition were told of it: a path stands for all below it.
TABLE = {"/decisions": READ, "/applications": WRITE, "/pages": READ, "/deep": WRITE}
verifier = TokenVerifier(issuer=os.environ["SERVICE_ISSUER"], audience="partner-api")


def load_guard(name):
    """Make the guard of a framework."""
    return __import__(f"credicorp_auth.resource.{name}", fromlist=["Guard"]).Guard(verifier)


def wrap(app, face):
    """Put a guard around an application: this edition's, or the first edition's."""
    module = __import__(f"credicorp_auth.resource.{face}", fromlist=["BearerGuard"])
    if MODE == "wrapped":
        return module.BearerGuard(app, verifier, scope=READ, open_paths=OPEN_PATHS)
    from credicorp_auth.resource import OPEN

    return module.BearerGuard(app, verifier, {**dict.fromkeys(OPEN_PATHS, OPEN), **TABLE})


def place_asgi(app):
    """Mount an application in another, or wrap it."""
    if MODE == "mounted":
        from starlette.applications import Starlette
        from starlette.routing import Mount

        return Starlette(routes=[Mount(MOUNT, app)])
    # Quart's attribute `root_path` is a folder.
    return wrap(getattr(app, "asgi_app", app), "asgi") if MODE in {"wrapped", "first"} else app


def place_wsgi(app):
    """Mount an application in another, or wrap it."""
    if MODE == "mounted":
        from werkzeug.exceptions import NotFound
        from werkzeug.middleware.dispatcher import DispatcherMiddleware

        return DispatcherMiddleware(NotFound(), {MOUNT: app})
    return wrap(app, "wsgi") if MODE in {"wrapped", "first"} else app


MARKED = MODE not in {"wrapped", "first"}


class Open:
    """In place of a guard: marks nothing, as the application is wrapped."""

    def requires(self, _scope):
        return lambda handler: handler

    def public(self, handler):
        return handler

    def install(self, app, **_):
        return app


def build_starlette():
    from starlette.applications import Starlette
    from starlette.endpoints import HTTPEndpoint
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    guard = load_guard("starlette") if MARKED else Open()

    def view(demand):
        async def show(_request):
            return PlainTextResponse("served", headers={"Demand": demand})

        return guard.public(show) if demand == PUBLIC else guard.requires(demand)(show)

    class Pages(HTTPEndpoint):
        @guard.requires(READ)
        async def get(self, _request):
            return PlainTextResponse("served", headers={"Demand": READ})

        @guard.requires(WRITE)
        def post(self, _request):
            return PlainTextResponse("served", headers={"Demand": WRITE})

    inner = Starlette(routes=[Route("/inner", view(WRITE))])
    app = Starlette(
        routes=[
            Route("/", view(PUBLIC)),
            Route("/health", view(PUBLIC)),
            Route("/decisions/{name}", view(READ)),
            Route("/applications", view(WRITE), methods=["POST"]),
            Route("/pages", Pages),
            Mount("/deep", inner),
        ]
    )
    guard.install(app)
    return place_asgi(app)


def build_fastapi():
    from fastapi import APIRouter, Depends, FastAPI, Response
    from starlette.middleware.gzip import GZipMiddleware

    guard = load_guard("fastapi") if MARKED else Open()
    app = FastAPI(openapi_url=None, root_path=os.environ.get("SERVICE_ROOT_PATH", ""))
    router = APIRouter(prefix="/deep")

    def serve(demand):
        return lambda: Response("served", headers={"Demand": demand})

    def needing(demand):
        return {"dependencies": [Depends(guard.requires(demand))] if MARKED else []}

    app.get("/")(guard.public(serve(PUBLIC)))
    app.get("/health")(guard.public(serve(PUBLIC)))
    app.get("/decisions/{name}", **needing(READ))(serve(READ))
    app.post("/applications", **needing(WRITE))(serve(WRITE))
    app.get("/pages", **needing(READ))(serve(READ))
    app.post("/pages")(guard.requires(WRITE)(serve(WRITE)))
    router.get("/inner")(serve(WRITE))
    app.include_router(router, **needing(WRITE))
    guard.install(app)
    return place_asgi(GZipMiddleware(app) if "SERVICE_ROOT_PATH" in os.environ else app)


def build_rules(kind):
    """Build Flask's or Quart's service: they name everything alike."""
    module = __import__(kind, fromlist=["views"])
    views = __import__(f"{kind}.views", fromlist=["MethodView"])
    guard = load_guard(kind) if MARKED else Open()
    app = getattr(module, kind.title())("fuzzed", static_folder=None)
    deep = module.Blueprint("deep", "deep", url_prefix="/deep")

    def view(demand):
        def show(**_):
            return "served", 200, {"Demand": demand}

        marked = {PUBLIC: guard.public, UNMARKED: lambda view: view}
        return marked.get(demand, guard.requires(demand))(show)

    class Pages(views.MethodView):
        @guard.requires(READ)
        def get(self):
            return "served", 200, {"Demand": READ}

        @guard.requires(WRITE)
        def post(self):
            return "served", 200, {"Demand": WRITE}

    app.add_url_rule("/", "home", view(PUBLIC))
    app.add_url_rule("/health", "health", view(PUBLIC))
    app.add_url_rule("/decisions/<name>", "read", view(READ))
    app.add_url_rule("/applications", "apply", view(WRITE), methods=["POST"])
    app.add_url_rule("/pages", view_func=Pages.as_view("pages"))
    app.add_url_rule("/unmarked", "unmarked", view(UNMARKED))
    deep.add_url_rule("/inner", "inner", view(WRITE))
    app.register_blueprint(deep)
    guard.install(app)
    return place_wsgi(app) if kind == "flask" else place_asgi(app)


def build_litestar():
    from litestar import Controller, Litestar, Response, Router, get, post

    guard = load_guard("litestar") if MARKED else Open()

    def handler(make, path, demand, *, method=False):
        async def show_in_class(self) -> Response[str]:
            return await show()

        async def show() -> Response[str]:
            return Response("served", headers={"Demand": demand})

        function = show_in_class if method else show
        function.__annotations__["return"] = Response[str]
        marked = {PUBLIC: guard.public, UNMARKED: lambda view: view}
        return make(path)(marked.get(demand, guard.requires(demand))(function))

    pages = type("Pages", (Controller,), {"path": "/pages", "read": handler(get, "/", READ, method=True), "write": handler(post, "/", WRITE, method=True)})  # fmt: skip
    deep = guard.requires(WRITE)(Router("/deep", route_handlers=[handler(get, "/inner", WRITE)]))
    handlers = [
        handler(get, ["/", "/health"], PUBLIC),
        handler(get, "/decisions/{name:str}", READ),
        handler(post, "/applications", WRITE),
        handler(get, "/unmarked", UNMARKED),
    ]
    app = Litestar([*handlers, pages, deep], openapi_config=None, on_app_init=[guard.install])
    return place_asgi(app)


def build_aiohttp():
    from aiohttp import web

    guard = load_guard("aiohttp")

    def handler(demand):
        async def show(_request):
            return web.Response(text="served", headers={"Demand": demand})

        marked = {PUBLIC: guard.public, UNMARKED: lambda view: view}
        return marked.get(demand, guard.requires(demand))(show)

    class Pages(web.View):
        @guard.requires(READ)
        async def get(self):
            return web.Response(text="served", headers={"Demand": READ})

        @guard.requires(WRITE)
        async def post(self):
            return web.Response(text="served", headers={"Demand": WRITE})

    app, deep = web.Application(), web.Application()
    app.router.add_get("/", handler(PUBLIC))
    app.router.add_get("/health", handler(PUBLIC))
    app.router.add_get("/decisions/{name}", handler(READ))
    app.router.add_post("/applications", handler(WRITE))
    app.router.add_view("/pages", Pages)
    app.router.add_get("/unmarked", handler(UNMARKED))
    deep.router.add_get("/inner", handler(WRITE))
    app.add_subapp("/deep", deep)
    outer = web.Application() if MODE in {"mounted", "wrapped"} else app
    # This framework knows no ASGI or WSGI: to wrap is to guard from the application around it.
    guard.install(outer if MODE == "wrapped" else app)
    if outer is not app:
        outer.add_subapp(MOUNT, app)
    return outer


def build_django(*, rest=False):
    from django.conf import settings

    middleware = ["credicorp_auth.resource.django.GuardMiddleware"] * MARKED
    middleware += ["django.middleware.common.CommonMiddleware"]
    middleware += ["django.middleware.csrf.CsrfViewMiddleware"] * MARKED
    forced = os.environ.get("SERVICE_FORCE_SCRIPT_NAME")
    drf = {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"], "DEFAULT_AUTHENTICATION_CLASSES": [], "UNAUTHENTICATED_USER": None}  # fmt: skip
    settings.configure(ALLOWED_HOSTS=["*"], FORCE_SCRIPT_NAME=forced, MIDDLEWARE=middleware, REST_FRAMEWORK=drf, SECRET_KEY="for tests alone")  # fmt: skip
    from django import setup
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    guard = load_guard("django") if MARKED else Open()
    settings.CREDICORP_AUTH_GUARD = guard
    setup()
    settings.ROOT_URLCONF = list_rest_urls(guard) if rest else list_django_urls(guard)
    if os.environ.get("SERVICE_WSGI"):
        return place_wsgi(get_wsgi_application())
    return place_asgi(get_asgi_application())


def list_django_urls(guard):
    from django.http import HttpResponse
    from django.urls import include, path
    from django.views import View

    def serve(demand):
        return HttpResponse("served", headers={"Demand": demand})

    def view(demand):
        def show(_request, **_):
            return serve(demand)

        marked = {PUBLIC: guard.public, UNMARKED: lambda view: view}
        return marked.get(demand, guard.requires(demand))(show)

    @guard.requires(READ)
    class Pages(View):
        def get(self, _request):
            return serve(READ)

        @guard.requires(WRITE)
        def post(self, _request):
            return serve(WRITE)

    return (
        path("", view(PUBLIC)),
        path("health", view(PUBLIC)),
        path("decisions/<name>", view(READ)),
        path("applications", view(WRITE)),
        path("pages", Pages.as_view()),
        path("unmarked", view(UNMARKED)),
        path("deep/", include(([path("inner", view(WRITE))], "deep"))),
    )


def list_rest_urls(guard):
    from django.urls import include, path
    from rest_framework.permissions import AllowAny
    from rest_framework.response import Response
    from rest_framework.routers import SimpleRouter
    from rest_framework.views import APIView
    from rest_framework.viewsets import ViewSet

    def demand_scope(scope):
        if not MARKED:
            return AllowAny
        from credicorp_auth.resource.drf import HasScope

        return HasScope(scope)

    def serve(demand):
        return Response("served", headers={"Demand": demand})

    def view(demand, method="get"):
        permissions = {PUBLIC: AllowAny, UNMARKED: AllowAny}.get(demand) or demand_scope(demand)
        members = {"permission_classes": [permissions], method: lambda *_, **__: serve(demand)}
        kind = type("Shown", (APIView,), members)
        return (guard.public(kind) if demand == PUBLIC else kind).as_view()

    class Decisions(ViewSet):
        permission_classes = (demand_scope(READ),)

        def retrieve(self, _request, pk):
            return serve(READ)

    class Pages(APIView):
        permission_classes = (demand_scope(READ),)

        def get(self, _request):
            return serve(READ)

    router = SimpleRouter(trailing_slash=False)
    router.register("decisions", Decisions, basename="decision")
    return (
        path("", view(PUBLIC)),
        path("health", view(PUBLIC)),
        path("", include(router.urls)),
        path("applications", view(WRITE, "post")),
        path("pages", Pages.as_view()),
        path("unmarked", view(UNMARKED)),
        path("deep/", include(([path("inner", view(WRITE))], "deep"))),
    )


BUILD = {
    "starlette": build_starlette,
    "fastapi": build_fastapi,
    "flask": partial(build_rules, "flask"),
    "quart": partial(build_rules, "quart"),
    "django": build_django,
    "drf": partial(build_django, rest=True),
    "litestar": build_litestar,
    "aiohttp": build_aiohttp,
}
app = BUILD[FRAMEWORK]()
