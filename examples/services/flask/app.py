"""A service in Flask that answers those who hold a token with the scope of each view."""

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
    """Say what was decided, and to whom it is said."""
    return {"id": decision_id, "outcome": "approved", "for": g.claims.client_id}


@app.post("/applications")
@guard.requires("applications:write")
def apply() -> tuple[dict[str, str], int]:
    """Take an application."""
    return {"id": "app_1", "from": g.claims.client_id}, 201


@app.get("/health")
@guard.public
def health() -> dict[str, str]:
    """Say that the service is up, to anybody."""
    return {"status": "ok"}
