"""Flask service whose views each require a token with their scope."""

from __future__ import annotations

from flask import Flask, g

from credicorp_auth import TokenVerifier
from credicorp_auth.resource.flask import Guard

app = Flask(__name__)
guard = Guard(TokenVerifier.from_env())
guard.install(app, public=("static",))


@app.get("/decisions/<decision_id>")
@guard.requires("decisions:read")
def read_decision(decision_id: str) -> dict[str, str]:
    """Return a decision, and the client that requested it."""
    return {"id": decision_id, "outcome": "approved", "for": g.claims.client_id}


@app.post("/applications")
@guard.requires("applications:write")
def apply() -> tuple[dict[str, str], int]:
    """Accept an application."""
    return {"id": "app_1", "from": g.claims.client_id}, 201


@app.get("/health")
@guard.public
def health() -> dict[str, str]:
    """Report that the service is up; no token is needed."""
    return {"status": "ok"}
