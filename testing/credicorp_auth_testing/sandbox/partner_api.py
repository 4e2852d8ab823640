"""Partner API of the sandbox: the real API's paths, checks and error envelope."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, NoReturn

from flask import Blueprint, g, jsonify, request
from joserfc import jwt
from joserfc.errors import JoseError

from credicorp_auth_testing.sandbox.state import BASE_PATH

if TYPE_CHECKING:
    from flask import Flask, Response

    from credicorp_auth_testing.sandbox.state import SandboxState

_UNAUTHORIZED = 401


class Refusal(Exception):
    """
    A rejected request.

    Args:
        status: HTTP status code.
        kind: `type` of the error envelope.
        code: `code` of the error envelope.
        message: The message for people.
        challenge: Value of the `WWW-Authenticate` header, or None.
    """

    def __init__(
        self, status: int, kind: str, code: str, message: str, challenge: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.code, self.message = status, kind, code, message
        self.challenge = challenge

    def response(self) -> Response:
        """Return the documented error envelope."""
        error = {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "request_id": g.request_id,
        }
        response = jsonify({"error": error})
        response.status_code = self.status
        if self.challenge:
            response.headers["WWW-Authenticate"] = self.challenge
        return response


class TokenCheck:
    """
    A check of a request's bearer token.

    A signature is verified once for each token, and the result is cached, since the sandbox must
    keep up with load on small machines. Expiry and revocation are checked each time.
    """

    def __init__(self, sandbox: SandboxState) -> None:
        self._sandbox = sandbox
        self._verified: dict[str, dict[str, Any]] = {}

    def require(self, scope: str) -> None:
        """Raise `Refusal` unless the request carries a valid token with that scope."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            self._refuse("no bearer token", error="")
        claims = self._claims(value)
        issued = self._sandbox.tokens.find(value)
        if time.time() >= float(claims["exp"]):
            self._sandbox.counters.add("expired_seen")
            self._refuse("the token has expired")
        switches = self._sandbox.switches
        if switches.api_refuses_all or request.path in switches.refused_paths:
            self._refuse("no token is accepted here")
        if issued is None or issued.revoked:
            self._refuse("the token was revoked")
        if scope not in str(claims.get("scope", "")).split():
            self._sandbox.counters.add("api_403")
            challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
            raise Refusal(
                403, "authentication_error", "insufficient_scope", "scope missing", challenge
            )

    def _claims(self, value: str) -> dict[str, Any]:
        if (known := self._verified.get(value)) is not None:
            return known
        try:
            keys = self._sandbox.keys.published()
            claims = jwt.decode(value, keys, algorithms=[self._sandbox.keys.algorithm]).claims
        except (JoseError, ValueError):
            self._refuse("the token cannot be verified")
        expected = (self._sandbox.issuer, self._sandbox.settings.audience)
        if (claims.get("iss"), claims.get("aud")) != expected:
            self._refuse("the token is not for this API")
        self._verified[value] = claims
        return claims

    def _refuse(self, message: str, *, error: str = "invalid_token") -> NoReturn:
        self._sandbox.counters.add("api_401")
        challenge = f'Bearer error="{error}"' if error else "Bearer"
        raise Refusal(_UNAUTHORIZED, "authentication_error", "invalid_token", message, challenge)


class Applications:
    """The created applications, each under its Idempotency-Key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, tuple[str, dict[str, Any]]] = {}

    def make(self, key: str, body: bytes) -> dict[str, Any]:
        """Create an application, or return the one that the same request created before."""
        digest = hashlib.sha256(body).hexdigest()
        with self._lock:
            if key not in self._made:
                made = {"id": f"app_{uuid.uuid4().hex}", "status": "received"}
                self._made[key] = (digest, made)
            known, response = self._made[key]
        if known != digest:
            raise Refusal(
                409, "invalid_request_error", "conflict", "the key was used with another body"
            )
        return response


def add_partner_api(app: Flask, sandbox: SandboxState) -> None:
    """Add the protected API to an application."""
    api = Blueprint("partner_api", __name__, url_prefix=BASE_PATH)
    check, applications = TokenCheck(sandbox), Applications()

    @api.before_request
    def count() -> None:
        sandbox.counters.add("api_calls")

    @api.post("/applications")
    def make_application() -> tuple[Response, int]:
        check.require("applications:write")
        key = request.headers.get("Idempotency-Key")
        if not key:
            raise Refusal(400, "invalid_request_error", "bad_request", "Idempotency-Key is missing")
        return jsonify(applications.make(key, request.get_data())), 201

    @api.get("/decisions/<decision_id>")
    def read_decision(decision_id: str) -> Response:
        check.require("decisions:read")
        if not decision_id.startswith("dec_"):
            raise Refusal(404, "invalid_request_error", "not_found", "no such decision")
        return jsonify({"id": decision_id, "outcome": "approved"})

    @app.errorhandler(Refusal)
    def refuse(refusal: Refusal) -> Response:
        return refusal.response()

    app.register_blueprint(api)
