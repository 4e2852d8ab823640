"""Starlette service whose routes each require a token with their scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from credicorp_auth import TokenVerifier
from credicorp_auth.resource.starlette import Guard

if TYPE_CHECKING:
    from starlette.requests import Request

guard = Guard(TokenVerifier.from_env())


@guard.requires("decisions:read")
async def read_decision(request: Request) -> JSONResponse:
    """Return a decision, and the client that requested it."""
    client = request.scope["credicorp_auth.claims"].client_id
    return JSONResponse({"id": request.path_params["name"], "outcome": "approved", "for": client})


@guard.requires("applications:write")
async def apply(request: Request) -> JSONResponse:
    """Accept an application."""
    client = request.scope["credicorp_auth.claims"].client_id
    return JSONResponse({"id": "app_1", "from": client}, status_code=201)


@guard.public
async def health(_request: Request) -> JSONResponse:
    """Report that the service is up; no token is needed."""
    return JSONResponse({"status": "ok"})


app = Starlette(
    routes=[
        Mount("/decisions", routes=[Route("/{name}", read_decision)]),
        Route("/applications", apply, methods=["POST"]),
        Route("/health", health),
    ]
)
guard.install(app)
