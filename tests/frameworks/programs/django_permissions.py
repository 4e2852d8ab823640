"""Permissions of the project: its default, and those of single views."""

from __future__ import annotations

from django_service import READ, WRITE

from credicorp_auth.resource.drf import HasScope

reads, writes = HasScope(READ), HasScope(WRITE)
