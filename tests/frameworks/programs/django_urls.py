"""Routes of the project: marked and unmarked, included, of every kind of view."""

from __future__ import annotations

from functools import partial, wraps

import django_rest
from django.contrib import admin
from django.http import HttpResponse, JsonResponse
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_page, never_cache
from django_service import READ, WRITE, emitted, guard

from credicorp_auth.resource import ANY_SCOPE


def response(request):
    headers = {"Route": f"/{request.resolver_match.route}"}
    return HttpResponse(emitted(request.claims), content_type="application/json", headers=headers)


@guard.requires(READ)
def read(request, name, **_):
    return response(request)


@guard.requires(WRITE)
async def apply(request):
    return response(request)


@guard.public
def health(request):
    return response(request)


@guard.public
def post_form(request):
    return response(request)


def unmarked(request):
    return response(request)


def borrowed(request):
    return response(request)


def paged(request):
    return response(request)


def wrapping(view):
    @wraps(view)
    def inner(*args, **named):
        return view(*args, **named)

    return inner


@guard.requires(ANY_SCOPE)
class ByMethod(View):
    @guard.requires(READ)
    def get(self, request):
        return response(request)

    @guard.requires(WRITE)
    def post(self, request):
        return response(request)


class Overriding(ByMethod):
    def post(self, request):
        return response(request)


class Offering(ByMethod):
    @guard.requires(WRITE)
    def purge(self, request):
        return response(request)


class SomeMethods(View):
    @guard.requires(READ)
    def get(self, request):
        return response(request)

    def post(self, request):
        return response(request)


@method_decorator(guard.requires(READ), name="dispatch")
class Decorated(View):
    async def get(self, request):
        return response(request)

    async def post(self, request):
        return response(request)


class Plain(View):
    def get(self, request):
        return response(request)


@guard.public
class OpenBase(View):
    def get(self, request):
        return response(request)


class Derived(OpenBase):
    pass


@guard.requires(WRITE)
class OwnDispatch(View):
    def dispatch(self, request, *args, **named):
        return super().dispatch(request, *args, **named)

    def get(self, request):
        return response(request)


class Mixin:
    def dispatch(self, request, *args, **named):
        return super().dispatch(request, *args, **named)


@guard.requires(READ)
class Mixed(Mixin, View):
    def get(self, request):
        return response(request)


inner = ([path("deep/", read, {"name": "deep"}, name="deep"), path("bare/", unmarked)], "inner")
urlpatterns = [
    path("", health, name="home"),
    path("health", health, name="health"),
    path("decisions/<name>", read),
    path("applications", apply),
    path("unmarked", unmarked),
    path("form", post_form),
    path("borrowed", borrowed, name="borrowed"),
    path("lender", borrowed),
    path("wrapped", wrapping(read), {"name": "w"}),
    path("never", never_cache(wrapping(read)), {"name": "n"}),
    path("partial", partial(read, name="p")),
    path("by-method", ByMethod.as_view()),
    path("overriding", Overriding.as_view()),
    path("offering", Offering.as_view(http_method_names=["get", "purge"])),
    path("partial-class", guard.requires(READ)(partial(ByMethod.as_view()))),
    path("some-methods", SomeMethods.as_view()),
    path("decorated", Decorated.as_view()),
    path("plain", Plain.as_view()),
    path("as-view", guard.requires(WRITE)(Plain.as_view())),
    path("open-base", OpenBase.as_view()),
    path("derived", Derived.as_view()),
    path("mixed", Mixed.as_view()),
    path("own-dispatch", OwnDispatch.as_view()),
    path("one/", include(inner, namespace="one")),
    re_path(r"^two/(?P<kind>\w+)/", include(([path("x", read, {"name": "x"})], "two"))),
    path("admin/", admin.site.urls),
    path("rest/", include(django_rest.router.urls)),
    path("rest-either", django_rest.Either.as_view()),
    path("rest-both", django_rest.Both.as_view()),
    path("rest-opened", django_rest.Opened.as_view()),
    path("rest-denied", django_rest.Denied.as_view()),
    path("rest-sometimes", django_rest.Sometimes.as_view()),
    path("rest-marked", django_rest.Marked.as_view()),
    path("rest-loosened", django_rest.Plain.as_view(get_permissions=list)),
    path("rest-tightened", django_rest.Sometimes.as_view(permission_classes=[django_rest.writes])),
    path("rest-writes", django_rest.Plain.as_view(permission_classes=[django_rest.writes])),
    path("rest-cached", cache_page(60)(django_rest.Plain.as_view())),
    path("rest-marked-cached", cache_page(60)(guard.requires(READ)(django_rest.Plain.as_view()))),
    path("paged", cache_page(60)(guard.requires(READ)(paged))),
    path("paged-outside", guard.requires(READ)(cache_page(60)(paged))),
    path("rest-paged", django_rest.Paged.as_view()),
    path("rest-changed", django_rest.Changed.as_view()),
    path("rest-set-up", django_rest.SetUp.as_view()),
    path("rest-computed", django_rest.Computed.as_view()),
    path("rest-apply", django_rest.apply),
]


def handler404(request, exception):
    return JsonResponse({"lost": True}, status=404)
