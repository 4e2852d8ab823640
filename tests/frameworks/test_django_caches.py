"""Django's caches and the guard: what a cache holds is judged as what a view makes."""

from __future__ import annotations

import asyncio
from types import ModuleType

import django
import pytest
from django.conf import settings

from credicorp_auth.errors import InvalidSetting, TokenInactive
from credicorp_auth.resource import ANY_SCOPE
from credicorp_auth.resource.django import Guard, GuardMiddleware

pytestmark = pytest.mark.slow

GUARD = "credicorp_auth.resource.django.GuardMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
BOTH = "django.middleware.cache.CacheMiddleware"


class Revocable:
    """Accepts every token until it is told not to, and counts what it is asked."""

    def __init__(self):
        self.revoked, self.asked = False, 0

    def verify(self, token, *, required_scope):
        self.asked += 1
        if self.revoked:
            raise TokenInactive("revoked", code="introspection.inactive")
        return {"client_id": token, "scope": required_scope}

    async def averify(self, token, *, required_scope):
        return self.verify(token, required_scope=required_scope)


@pytest.fixture(scope="module", autouse=True)
def configured():
    """Configure Django, which is possible once in a process."""
    if not settings.configured:
        apps = ["rest_framework", "django.contrib.auth", "django.contrib.contenttypes"]
        settings.configure(
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=apps,
            REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
            USE_TZ=True,
        )
        django.setup(set_prefix=False)


class Service:
    """A project whose views count their calls, behind both caches of Django."""

    def __init__(self, kind):
        self.kind, self.verifier, self.calls = kind, Revocable(), 0
        self.guard = Guard(self.verifier)

    def urls(self):
        """Make a URLconf of the page, marked inside or outside of its cache, or by permissions."""
        from django.http import HttpResponse
        from django.urls import path
        from django.utils.decorators import method_decorator
        from django.views.decorators.cache import cache_page
        from rest_framework.response import Response
        from rest_framework.views import APIView

        from credicorp_auth.resource.drf import BearerAuthentication, HasScope

        service = self

        def page(request, **_):
            service.calls += 1
            return HttpResponse(b"page")

        class Page(APIView):
            authentication_classes = (BearerAuthentication,)
            permission_classes = (HasScope(ANY_SCOPE),)

            @method_decorator(cache_page(60))
            def get(self, request, **_):
                service.calls += 1
                return Response("page")

        views = {
            "inside": lambda: cache_page(60)(self.guard.requires(ANY_SCOPE)(page)),
            "outside": lambda: self.guard.requires(ANY_SCOPE)(cache_page(60)(page)),
            "permissions": Page.as_view,
            "public": lambda: self.guard.public(cache_page(60)(page)),
        }
        module = ModuleType("project")
        module.urlpatterns = [path("page/<name>", views[self.kind]())]
        return module

    def get(self, token=None, *, loop=False):
        """Ask for the page; return the status."""
        from django.test import AsyncClient, Client

        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        if loop:
            return asyncio.run(AsyncClient().get("/page/one", headers=headers)).status_code
        return Client().get("/page/one", headers=headers).status_code


@pytest.fixture
def begin():
    """Start a project with its caches empty; stop it at the end."""
    from django.core.cache import cache
    from django.test import override_settings

    started = []

    def build(kind):
        service = Service(kind)
        started.append(
            override_settings(
                CREDICORP_AUTH_GUARD=service.guard,
                MIDDLEWARE=[UPDATE, GUARD, FETCH],
                ROOT_URLCONF=service.urls(),
            )
        )
        started[-1].enable()
        cache.clear()
        return service

    yield build
    for each in started:
        each.disable()


@pytest.mark.parametrize("loop", [False, True], ids=["wsgi", "asgi"])
@pytest.mark.parametrize("kind", ["inside", "outside", "permissions"])
def test_fault_412_what_a_cache_holds_is_judged_again(begin, kind, loop):
    """412: a page that `cache_page` stored goes to nobody whose token does not count, or no longer."""
    service = begin(kind)
    first = [service.get("one", loop=loop) for _ in range(2)]
    calls, asked = service.calls, service.verifier.asked
    without = service.get(loop=loop)
    service.verifier.revoked = True
    revoked = [service.get(token, loop=loop) for token in ("one", "two")]

    assert ([200, 200], 1) == (first, calls)
    assert asked >= 2
    assert (401, [401, 401], 1) == (without, revoked, service.calls)


@pytest.mark.parametrize("loop", [False, True], ids=["wsgi", "asgi"])
def test_a_public_page_comes_from_the_cache_unjudged(begin, loop):
    """It needs no token, so none is verified."""
    service = begin("public")
    found = [service.get(loop=loop) for _ in range(3)]

    assert ([200] * 3, 1, 0) == (found, service.calls, service.verifier.asked)


def test_a_path_that_no_longer_has_a_view_is_not_found(begin):
    """What a cache holds of a route that is gone is 404: there is no mark to judge it by."""
    from django.test import override_settings

    service = begin("public")
    known = service.get()
    empty = ModuleType("empty")
    empty.urlpatterns = []
    with override_settings(ROOT_URLCONF=empty):
        gone = service.get()

    assert (200, 404) == (known, gone)


@pytest.mark.parametrize(
    "middleware",
    [[UPDATE, FETCH, GUARD], [BOTH, GUARD], [GUARD, BOTH], [GUARD, UPDATE, FETCH]],
    ids=["fetch-first", "both-first", "both-last", "update-last"],
)
def test_fault_412_the_guard_stands_between_the_two_middlewares_of_the_cache(middleware):
    """412: with any other order the project does not start."""
    from django.test import override_settings

    guard = Guard(Revocable())
    with override_settings(CREDICORP_AUTH_GUARD=guard, MIDDLEWARE=middleware):
        with pytest.raises(InvalidSetting) as refused:
            GuardMiddleware(lambda _request: None)

    assert "config.django_order" == refused.value.code
