"""A Django project in one module: views of every kind, under the settings of the environment."""

from __future__ import annotations

import json
import os

from django.conf import settings

from credicorp_auth import TokenVerifier
from credicorp_auth.resource.django import Guard

READ, WRITE = "decisions:read", "applications:write"
verifier = TokenVerifier(issuer=os.environ["SERVICE_ISSUER"], audience="partner-api")
guard = Guard(verifier, public=("admin:", "borrowed"))
settings.configure(
    ALLOWED_HOSTS=["*"],
    CREDICORP_AUTH_GUARD=guard,
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    FORCE_SCRIPT_NAME=os.environ.get("SERVICE_FORCE_SCRIPT_NAME"),
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.security.SecurityMiddleware",
        *["credicorp_auth.resource.django.GuardMiddleware"] * ("SERVICE_OPEN" not in os.environ),
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ],
    REST_FRAMEWORK={
        "DEFAULT_PERMISSION_CLASSES": ["django_permissions.reads"],
        "DEFAULT_AUTHENTICATION_CLASSES": ["credicorp_auth.resource.drf.BearerAuthentication"],
        "UNAUTHENTICATED_USER": None,
    },
    ROOT_URLCONF="django_urls",
    SECRET_KEY="for tests alone",
    STATIC_URL="static/",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
)


def emitted(claims) -> str:
    """Say what a view was told about its caller."""
    return json.dumps({"client": claims and claims.client_id})
