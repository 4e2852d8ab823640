"""System checks for Django: the guard's setting, its place in MIDDLEWARE, unmarked views."""

from __future__ import annotations

from inspect import isclass
from itertools import dropwhile
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.middleware.cache import FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.urls import get_resolver
from django.utils.module_loading import import_string

from credicorp_auth.errors import InvalidSetting
from credicorp_auth.resource.django_views import (
    find_public_views,
    list_namespaces,
    list_routes,
    list_unmarked_views,
)
from credicorp_auth.resource.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTING: Final = "CREDICORP_AUTH_GUARD"
"""Name of the Django setting that holds the project's guard."""

_NOT_INSTALLED: Final = Error(
    f"{SETTING} is set, but MIDDLEWARE does not hold GuardMiddleware: no mark is enforced.",
    hint="Add 'credicorp_auth.resource.django.GuardMiddleware', after SecurityMiddleware.",
    id="credicorp_auth.E001",
)
_CACHED: Final = Error(
    "GuardMiddleware does not stand between the two middlewares of Django's cache: the cache would "
    "store what needs a token, or respond before the guard.",
    hint="Put UpdateCacheMiddleware before GuardMiddleware, and FetchFromCacheMiddleware after it.",
    id="credicorp_auth.E002",
)
_ALLOW_ANY: Final = Error(
    "The default permission of Django REST framework allows every request.",
    hint="Set REST_FRAMEWORK['DEFAULT_PERMISSION_CLASSES'] to a HasScope of your own.",
    id="credicorp_auth.E004",
)


class EnforcingMiddleware:
    """Base of `GuardMiddleware`, by which the checks find it in MIDDLEWARE."""


def read_guard() -> Any:  # noqa: ANN401 - defined by the module that imports this one
    """
    Return the guard of the project.

    Raises:
        InvalidSetting: `CREDICORP_AUTH_GUARD` holds no guard (`config.django_guard`).
    """
    guard = getattr(settings, SETTING, None)
    if isinstance(guard, Guard) and hasattr(guard, "public_names"):
        return guard
    raise InvalidSetting(
        f"the Django setting {SETTING} is {type(guard).__name__}, and no guard",
        code="config.django_guard",
        hint=f"set {SETTING} = credicorp_auth.resource.django.Guard(verifier).",
    )


def examine_routes() -> tuple[Mapping[str, list[object]], list[str]]:
    """
    Find the views that are public by name, and list the unmarked ones.

    Raises:
        InvalidSetting: A public name belongs to no route or to several, or a view is marked by two
            guards.
    """
    resolver = get_resolver()
    routes = list_routes(resolver)
    public = find_public_views(read_guard().public_names, routes, list_namespaces(resolver))
    return public, list_unmarked_views(routes, public)


def check_order(**_: object) -> list[CheckMessage]:
    """Check that the middleware is listed, within the two of Django's cache (E001, E002)."""
    before, behind = _load_middleware()
    if not behind:
        return [_NOT_INSTALLED] if hasattr(settings, SETTING) else []
    misplaced = [
        *(each for each in before if issubclass(each, FetchFromCacheMiddleware)),
        *(each for each in behind if issubclass(each, UpdateCacheMiddleware)),
    ]
    return [_CACHED] if misplaced else []


def check_views(**_: object) -> list[CheckMessage]:
    """Check that the guard is valid (E003), and list the views that it refuses (W001)."""
    if not _load_middleware()[1]:
        return []
    try:
        unmarked = examine_routes()[1]
    except InvalidSetting as error:
        return [Error(str(error), hint=error.hint, id="credicorp_auth.E003")]
    return [
        Warning(
            f"{name} is neither marked nor public: every request to it is refused.",
            hint="Mark it with guard.requires(scope) or guard.public.",
            id="credicorp_auth.W001",
        )
        for name in sorted(set(unmarked))
    ]


def _load_middleware() -> tuple[list[type], list[type]]:
    """Load the middleware classes before the guard's, and those from it on, if it is listed."""
    loaded = [each for each in map(import_string, settings.MIDDLEWARE) if isclass(each)]
    behind = list(dropwhile(lambda each: not issubclass(each, EnforcingMiddleware), loaded))
    return loaded[: len(loaded) - len(behind)], behind


def check_default_permission(**_: object) -> list[CheckMessage]:
    """Check that Django REST framework denies access by default (E004)."""
    if not apps.is_installed("rest_framework"):
        return []
    from rest_framework.permissions import AllowAny  # noqa: PLC0415 - it may not be installed
    from rest_framework.settings import api_settings  # noqa: PLC0415 - see above

    default = api_settings.DEFAULT_PERMISSION_CLASSES
    closed = any(not (isclass(each) and issubclass(each, AllowAny)) for each in default)
    return [] if closed else [_ALLOW_ANY]
