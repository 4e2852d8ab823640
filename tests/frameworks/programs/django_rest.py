"""Views of Django REST framework, guarded by permissions or by marks."""

from __future__ import annotations

from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_page
from django_permissions import reads, writes
from django_service import READ, guard
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.permissions import AllowAny, IsAdminUser, IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet

from credicorp_auth.resource.drf import HasScope


def emitted(request):
    said = {"client": request.auth and request.auth.client_id, "user": str(request.user)}
    return Response(said, headers={"Route": f"/{request.resolver_match.route}"})


class Decisions(ViewSet):
    def list(self, request):
        return emitted(request)

    def create(self, request):
        return emitted(request)

    def retrieve(self, request, pk):
        return emitted(request)

    @action(detail=False, methods=["post"], permission_classes=[writes])
    def apply(self, request):
        return emitted(request)

    @action(detail=False, permission_classes=[AllowAny])
    def forgotten(self, request):
        return emitted(request)


class Paged(APIView):
    @method_decorator(cache_page(60))
    def get(self, request):
        return emitted(request)


class Either(APIView):
    permission_classes = (reads | IsAdminUser,)

    def get(self, request):
        return emitted(request)


class Both(APIView):
    permission_classes = (IsAuthenticated & writes,)

    def get(self, request):
        return emitted(request)


class Opened(APIView):
    permission_classes = (reads | AllowAny,)

    def get(self, request):
        return emitted(request)


class Denied(APIView):
    permission_classes = (~reads,)

    def get(self, request):
        return emitted(request)


class Sometimes(APIView):
    def get_permissions(self):
        return []

    def get(self, request):
        return emitted(request)


class Lenient(HasScope):
    def has_permission(self, request, view):
        return True


class Changed(APIView):
    permission_classes = (Lenient(READ),)

    def get(self, request):
        return emitted(request)


class SetUp(APIView):
    def setup(self, request, *args, **named):
        super().setup(request, *args, **named)
        self.permission_classes = (AllowAny,)

    def get(self, request):
        return emitted(request)


class Computed(APIView):
    @property
    def permission_classes(self):
        return (AllowAny,)

    def get(self, request):
        return emitted(request)


@guard.requires(READ)
class Marked(Sometimes):
    pass


@api_view(["GET", "POST"])
@permission_classes([writes])
def apply(request):
    return emitted(request)


class Plain(APIView):
    permission_classes = (reads,)

    def get(self, request):
        return emitted(request)


router = DefaultRouter()
router.register("decisions", Decisions, basename="decision")
