"""What Django says when it starts: system checks, the list of unmarked views, and what it refuses."""

from __future__ import annotations

import logging
from types import ModuleType

import django
import pytest
from django.conf import settings

from credicorp_auth.engine.keys.verifying import NoVerifier
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource import ANY_SCOPE
from credicorp_auth.resource import Guard as PlainGuard
from credicorp_auth.resource.django import Guard, GuardMiddleware

pytestmark = pytest.mark.slow

_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
MIDDLEWARE = "credicorp_auth.resource.django.GuardMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"


def project(*patterns) -> ModuleType:
    """Make a URLconf."""
    module = ModuleType("project")
    module.urlpatterns = list(patterns)
    return module


@pytest.fixture(scope="module", autouse=True)
def configured():
    """Configure Django, which is possible once in a process."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=["rest_framework", *_APPS],
            REST_FRAMEWORK={"UNAUTHENTICATED_USER": None},
            USE_TZ=True,
        )
        django.setup(set_prefix=False)


@pytest.fixture
def start():
    """Start Django with a URLconf; return the middleware's handler, or the messages of the checks."""
    from django.core.checks import run_checks
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import override_settings

    def begin(urls, guard, *, middleware=(MIDDLEWARE,), checks=False, **more):
        with override_settings(ROOT_URLCONF=urls, CREDICORP_AUTH_GUARD=guard, MIDDLEWARE=list(middleware), **more):  # fmt: skip
            if checks:
                return [each for each in run_checks() if each.id.startswith("credicorp_auth")]
            return WSGIHandler()

    return begin


@pytest.fixture
def listed(caplog):
    """Return the names that the warning at start-up lists."""
    caplog.set_level(logging.WARNING, "credicorp_auth")

    def names():
        events = [each.credicorp_event for each in caplog.records if each.msg == "%s"]
        return [each.fields["handlers"] for each in events if each.name == "guard.unmarked"]

    return names


def view(request):
    """Be a view."""


def test_fault_357_start_up_lists_every_unmarked_view(start, listed):
    """One warning, by the module and name of each; marked and public ones are not in it."""
    from django.urls import include, path
    from django.views import View

    guard = Guard(NoVerifier(), public=("named", "space:"))

    class Page(View):
        @guard.requires("a")
        def get(self, request):
            """Be marked."""

        def post(self, request):
            """Be forgotten."""

        def options(self, request):
            """Be a handler as any other."""

    class Whole(View):
        def get(self, request):
            """Be marked with the class."""

    class Other(View):
        def dispatch(self, *args, **named):
            """Find a method in its own way."""

    included = include(([path("x", view), path("y", view, name="y")], "space"), namespace="space")
    urls = project(
        path("a", view),
        path("b", guard.requires("a")(lambda _: None)),
        path("c", guard.public(lambda _: None)),
        path("d", Page.as_view()),
        path("e", guard.requires("a")(Whole).as_view()),
        path("f", view, name="named"),
        path("g/", included),
        path("j", Other.as_view()),
        path("k", guard.requires("a")(Other.as_view())),
        path("h/", include([path("i", view, name="deep")])),
    )
    start(urls, guard)

    within = f"{__name__}.test_fault_357_start_up_lists_every_unmarked_view.<locals>"
    names = [f"{within}.Other", f"{within}.Page.options", f"{within}.Page.post", f"{__name__}.view"]
    assert [", ".join(names)] == listed()
    found = start(urls, guard, checks=True)
    warned = [each.msg for each in found if each.id == "credicorp_auth.W001"]
    assert [f"{name} is neither marked nor public: every request to it is refused." for name in names] == warned  # fmt: skip


@pytest.mark.parametrize("public", [("twice",), ("absent",), ("space:",), ("admin",), "once"])
def test_fault_359_a_public_name_is_borne_by_one_route(start, public):
    """A name or namespace that none or two routes bear stops the start; so does bare text."""
    from django.urls import include, path

    def inner():
        return include(([path("x", view)], "space"), namespace="space")

    urls = project(
        path("a", view, name="twice"),
        path("b", view, name="twice"),
        path("c", view, name="once"),
        path("d/", inner()),
        path("e/", inner()),
    )
    with pytest.raises(InvalidSetting) as refused:
        start(urls, Guard(NoVerifier(), public=public))

    assert "config.public_route" == refused.value.code


def test_fault_359_two_guards_on_one_view_stop_the_start(start):
    """Neither of them could say who comes in."""
    from django.urls import path
    from django.views import View

    one, other = Guard(NoVerifier()), Guard(NoVerifier())

    @one.requires("a")
    class Page(View):
        @other.requires("a")
        def get(self, request):
            """Be marked twice."""

    urls = project(path("x", guarded := other.requires("b")(Page.as_view())))
    assert guarded is urls.urlpatterns[0].callback
    with pytest.raises(InvalidSetting) as refused:
        start(urls, one)

    assert "config.mark" == refused.value.code
    (error,) = [each for each in start(urls, one, checks=True) if each.id.endswith("E003")]
    assert "marked twice" in error.msg


@pytest.mark.parametrize("guard", [None, PlainGuard(NoVerifier()), "service.guards.guard"])
def test_a_setting_that_is_no_guard_stops_the_start(start, guard):
    """None, a guard that is not Django's, or the path of one."""
    with pytest.raises(InvalidSetting) as refused:
        start(project(), guard)

    assert "config.django_guard" == refused.value.code
    assert "credicorp_auth.E003" in [each.id for each in start(project(), guard, checks=True)]


def test_a_guard_without_its_middleware_is_found(start):
    """A system check fails: marks alone do nothing."""
    guard = Guard(NoVerifier())
    middleware = ["django.middleware.common.CommonMiddleware"]
    found = start(project(), guard, middleware=middleware, checks=True)

    assert "credicorp_auth.E001" in [each.id for each in found]


def test_no_guard_at_all_is_no_finding(start):
    """A project that does not use the guard is not told about it."""
    from django.test import override_settings

    with override_settings():
        del settings.CREDICORP_AUTH_GUARD
        from django.core.checks import run_checks

        with override_settings(ROOT_URLCONF=project(), MIDDLEWARE=[], INSTALLED_APPS=_APPS):
            found = [each.id for each in run_checks() if each.id.startswith("credicorp_auth")]

    assert [] == found


def test_fault_358_a_cache_behind_the_guard_stops_the_start(start):
    """It would store what needs a token; a middleware class derived from the guard's counts too."""
    guard = Guard(NoVerifier())

    for first in (MIDDLEWARE, f"{__name__}.Derived"):
        with pytest.raises(InvalidSetting) as refused:
            start(project(), guard, middleware=[first, UPDATE])
        assert "config.django_order" == refused.value.code
        found = start(project(), guard, middleware=[first, UPDATE], checks=True)
        assert "credicorp_auth.E002" in [each.id for each in found]
        assert start(project(), guard, middleware=[UPDATE, first])


class Derived(GuardMiddleware):
    pass


def plain_middleware(get_response):
    """Be a middleware that is a function."""
    return get_response


@pytest.mark.parametrize(
    ("classes", "fails"),
    [
        (["rest_framework.permissions.AllowAny"], True),
        ([], True),
        (["rest_framework.permissions.IsAuthenticated"], False),
        (["rest_framework.permissions.AllowAny", f"{__name__}.reads"], False),
    ],
)
def test_fault_357_rest_framework_that_lets_everybody_in_is_found(start, classes, fails):
    """Its own default is AllowAny: a system check fails, so that a view is not open by omission."""
    rest = {"DEFAULT_PERMISSION_CLASSES": classes}
    middleware = [MIDDLEWARE, f"{__name__}.plain_middleware"]
    found = start(project(), Guard(NoVerifier()), middleware=middleware, checks=True, REST_FRAMEWORK=rest)  # fmt: skip

    assert (["credicorp_auth.E004"] if fails else []) == [each.id for each in found]


def __getattr__(name):
    if name == "reads":
        from credicorp_auth.resource.drf import HasScope

        return HasScope("decisions:read")
    raise AttributeError(name)


@pytest.mark.parametrize("scope", ["", None, 7, []])
def test_a_scope_that_demands_nothing_is_refused(scope):
    """By `requires` and `HasScope` alike, when the service is written."""
    from credicorp_auth.resource.drf import HasScope

    for demand in (HasScope, Guard(NoVerifier()).requires):
        with pytest.raises(InvalidSetting) as refused:
            demand(scope)
        assert "config.required_scope" == refused.value.code


def test_only_a_view_that_demands_a_token_is_exempt_from_csrf():
    """`requires` exempts functions and classes; `public` exempts nothing, nor are other classes touched."""
    from django.views import View

    guard = Guard(NoVerifier())

    class One(View):
        pass

    class Two(View):
        def dispatch(self, *args, **named):
            """Be its own."""

    class Three(View):
        pass

    class Four(View):
        dispatch = View.dispatch

    closed = [guard.requires(ANY_SCOPE)(each).as_view() for each in (One, Two, Four)]
    closed.append(guard.requires("a")(View.as_view()))
    opened = [guard.public(Three).as_view(), View.as_view(), guard.public(lambda _: None)]

    assert [True] * 4 == [getattr(each, "csrf_exempt", False) for each in closed]
    assert [False] * 3 == [getattr(each, "csrf_exempt", False) for each in opened]
