"""FastAPI service whose paths each require a token with their scope."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI

from credicorp_auth import Claims, TokenVerifier
from credicorp_auth.resource.fastapi import Guard

app = FastAPI()
guard = Guard(TokenVerifier.from_env())

Reader = Annotated[Claims, Depends(guard.requires("decisions:read"))]
Writer = Annotated[Claims, Depends(guard.requires("applications:write"))]


@app.get("/decisions/{decision_id}")
async def read_decision(decision_id: str, claims: Reader) -> dict[str, str]:
    """Return a decision, and the client that requested it."""
    return {"id": decision_id, "outcome": "approved", "for": claims.client_id}


@app.post("/applications", status_code=201)
def apply(claims: Writer) -> dict[str, str]:
    """Accept an application."""
    return {"id": "app_1", "from": claims.client_id}


@app.get("/health")
@guard.public
async def health() -> dict[str, str]:
    """Report that the service is up; no token is needed."""
    return {"status": "ok"}


guard.install(app, public=("openapi", "swagger_ui_html", "swagger_ui_redirect", "redoc_html"))
