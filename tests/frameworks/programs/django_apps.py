"""The Django project as ASGI and WSGI applications, and with a guard of one scope around it."""

from __future__ import annotations

import django
import django_service
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

from credicorp_auth.resource.asgi import BearerGuard

django.setup(set_prefix=False)
asgi_app = get_asgi_application()
wsgi_app = get_wsgi_application()
wrapped = BearerGuard(asgi_app, django_service.verifier, scope=django_service.READ, open_paths=("/",))  # fmt: skip
