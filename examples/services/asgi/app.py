"""Plain ASGI service that requires a token with the scope for reading decisions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from credicorp_auth import TokenVerifier
from credicorp_auth.resource.asgi import BearerGuard

if TYPE_CHECKING:
    from credicorp_auth.resource.asgi import Connection, Receive, Send

verifier = TokenVerifier.from_env()


async def decisions(scope: Connection, receive: Receive, send: Send) -> None:
    """Return a decision, and the client that requested it."""
    if scope["type"] == "lifespan":
        await run_guarded(receive, send)
        return
    claims = scope.get("credicorp_auth.claims")  # None if the path is open
    reported = (
        {"status": "ok"} if claims is None else {"outcome": "approved", "for": claims.client_id}
    )
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(reported).encode()})


async def run_guarded(receive: Receive, send: Send) -> None:
    """Handle the lifespan: report startup, and close the verifier at shutdown."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await verifier.aclose()
    await send({"type": "lifespan.shutdown.complete"})


app = BearerGuard(decisions, verifier, scope="decisions:read", open_paths=("/health",))
