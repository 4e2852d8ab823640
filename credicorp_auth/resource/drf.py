"""
Guard for Django REST framework: `BearerAuthentication`, and `HasScope` as a permission.

    class Decisions(ViewSet):
        authentication_classes = [BearerAuthentication]
        permission_classes = [HasScope("decisions:read")]

Both use the guard of the Django setting `CREDICORP_AUTH_GUARD` (`credicorp_auth.resource.django`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from django.views.decorators.csrf import csrf_exempt
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import (
    AND,
    OR,
    BasePermission,
    OperandHolder,
    OperationHolderMixin,
)

from credicorp_auth.resource.credentials import read_request
from credicorp_auth.resource.django_checks import read_guard
from credicorp_auth.resource.django_views import find_class, guarded_elsewhere
from credicorp_auth.resource.refusal import NO_TOKEN, Refused
from credicorp_auth.resource.scope import ANY_SCOPE, read_scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from credicorp_auth.resource.scope import RequiredScope


class BearerRefused(APIException):  # type: ignore[misc] # it has no types
    """
    Refusal with status, challenge and envelope, for Django REST framework's exception handler.

    Args:
        refused: The guard's refusal.

    .. versionadded:: 1.0.0
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(json.loads(refused.body))
        headers = dict(refused.headers)
        self.status_code = refused.status
        self.auth_header = headers.get("WWW-Authenticate")
        self.wait = int(headers.get("Retry-After", 0))


class BearerUser:
    """
    The client that a token was issued to, as `request.user`.

    Args:
        claims: The claims of its token.

    .. versionadded:: 1.0.0
    """

    is_authenticated = is_active = True
    is_anonymous = is_staff = is_superuser = False

    def __init__(self, claims: Any) -> None:  # noqa: ANN401 - what the verifier returns
        name = getattr(claims, "client_id", None) or getattr(claims, "subject", None) or ""
        self.claims, self.pk, self.username = claims, name, name

    def __str__(self) -> str:
        return str(self.username)


class BearerAuthentication(BaseAuthentication):  # type: ignore[misc] # it has no types
    """
    Authenticates a request by its bearer token: `request.auth` holds the claims.

    It grants no access by itself, and passes a request without a token on: permissions decide. An
    invalid token is refused with 401, a malformed header with 400. List it first in
    `authentication_classes`, since the first class there makes the challenge.

    .. versionadded:: 1.0.0
    """

    def authenticate(self, request: Any) -> tuple[BearerUser, object] | None:  # noqa: ANN401 - no types
        """
        Authenticate a request.

        Returns:
            The user and the claims; None if the request holds no bearer token.

        Raises:
            BearerRefused: The token is invalid, or cannot be verified now.
        """
        if read_request(request.headers).bearer is NO_TOKEN:
            return None
        claims = _require(request, ANY_SCOPE)
        return BearerUser(claims), claims

    def authenticate_header(self, request: Any) -> str:  # noqa: ANN401, ARG002 - the interface
        """Return the challenge for a request that no class could authenticate."""
        return str(read_guard().challenge)


class HasScope(OperationHolderMixin, BasePermission):  # type: ignore[misc] # they have no types
    """
    Permission that requires a token with a scope; otherwise the response is 401 or 403.

    List an instance in `permission_classes`. It can be combined by `&` and `|`; the refusal is then
    the framework's, which names no scope.

    Args:
        scope: The scope that the token must cover; `ANY_SCOPE` for any valid token.

    Raises:
        InvalidSetting: The scope is empty or invalid (`config.required_scope`).

    .. versionadded:: 1.0.0
    """

    def __init__(self, scope: RequiredScope) -> None:
        self._required = read_scope(scope)

    def __call__(self) -> HasScope:
        """Return this permission: the framework calls each item of `permission_classes`."""
        return self

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ANN401 - no types
        """
        Return whether the request is permitted.

        Raises:
            BearerRefused: It is not permitted, and the permission is not combined with others.
        """
        try:
            _require(request, self._required)
        except BearerRefused:
            if any(each is self for each in view.get_permissions()):
                raise
            return False  # another operand may permit it
        return True


def _require(request: Any, scope: RequiredScope) -> object:  # noqa: ANN401 - no types
    try:
        claims: object = read_guard().require(request.headers, scope)
    except Refused as refused:
        refusal = BearerRefused(refused)
    else:
        request._request.claims = claims  # noqa: SLF001 - for `GuardMiddleware` and plain Django
        return claims
    raise refusal


def _demands_scope(permission: object) -> bool:
    """Return whether a permission denies every request without a token that `HasScope` verified."""
    if isinstance(permission, OperandHolder):
        operands = [_demands_scope(each) for each in (permission.op1_class, permission.op2_class)]
        combine = {AND: any, OR: all}.get(permission.operator_class)
        return combine is not None and combine(operands)
    if not isinstance(permission, HasScope):
        return False
    # A subclass that overrides a deciding method is not trusted to require the scope.
    kind = type(permission)
    return all(getattr(kind, name) is getattr(HasScope, name) for name in _DECIDING)


def _is_guarded(view: Callable[..., Any]) -> bool:
    """Return whether a view's permissions require a scope for all of its methods."""
    from rest_framework.views import APIView  # noqa: PLC0415 - it imports this module, by setting

    kind: Any = find_class(view)
    if kind is None or not issubclass(kind, APIView) or not _is_bare(view):
        return False
    options: dict[str, Any] = getattr(view, "initkwargs", {})
    for name in _APPLYING:
        if name in options or not getattr(kind, name).__module__.startswith(_FRAMEWORKS):
            return False  # it may skip the permissions
    stated = options.get("permission_classes", kind.permission_classes)
    return isinstance(stated, list | tuple) and any(_demands_scope(each) for each in stated)


def _is_bare(view: Any) -> bool:  # noqa: ANN401 - no types
    """Return whether no wrapper, such as a cache, can respond in place of the view."""
    while _find_module(view) == csrf_exempt.__module__:
        view = view.__wrapped__  # `as_view()` itself wraps the view
    return _find_module(view) in _MAKING


def _find_module(view: object) -> str:
    return str(getattr(view, "__globals__", {}).get("__name__"))


_APPLYING: Final = (
    "__init__",
    "setup",
    "dispatch",
    "initialize_request",
    "initial",
    "get_permissions",
    "check_permissions",
    "permission_denied",
)
"""The methods of a view that apply its permissions, or could replace them before."""

_FRAMEWORKS: Final = ("rest_framework.", "django.")
_DECIDING: Final = ("__call__", "has_permission", "has_object_permission")
_MAKING: Final = ("django.views.generic.base", "rest_framework.viewsets")
"""The modules whose `as_view()` makes the function that Django calls."""

guarded_elsewhere.append(_is_guarded)
