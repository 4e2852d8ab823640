"""Authorization server by Authlib: client credentials, introspection and revocation."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749.errors import InvalidScopeError
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Blueprint, jsonify, request

from credicorp_auth_testing.sandbox.state import BASE_PATH
from credicorp_auth_testing.sandbox.tokens import IssuedToken

if TYPE_CHECKING:
    from flask import Flask, Response

    from credicorp_auth_testing.sandbox.clients import SandboxClient
    from credicorp_auth_testing.sandbox.state import SandboxState


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc] # Authlib is not typed
    """A generator of tokens in the RFC 9068 profile."""

    def __init__(self, sandbox: SandboxState) -> None:
        super().__init__(issuer=sandbox.issuer, alg=sandbox.settings.algorithm)
        self._sandbox = sandbox

    def get_jwks(self) -> Any:
        return self._sandbox.keys.signing()

    def get_audiences(self, client: SandboxClient, user: None, scope: str) -> str:  # noqa: ARG002 - Authlib's signature
        return self._sandbox.settings.audience

    def get_extra_claims(
        self,
        client: SandboxClient,  # noqa: ARG002 - Authlib's signature
        grant_type: str,  # noqa: ARG002
        user: None,  # noqa: ARG002
        scope: str,  # noqa: ARG002
    ) -> dict[str, Any]:
        # Authlib counts from the start of the current second, so that a token could expire up to a
        # second before its expires_in.
        return {"exp": math.ceil(time.time() + self._sandbox.switches.expires_in)}

    def _get_expires_in(self, client: SandboxClient, grant_type: str) -> float:  # noqa: ARG002 - Authlib's signature
        return self._sandbox.switches.expires_in

    def get_allowed_scope(self, client: SandboxClient, scope: str) -> str:
        narrowed = self._sandbox.switches.narrowed_scope
        allowed: str = super().get_allowed_scope(client, scope)
        return allowed if narrowed is None else narrowed

    def generate(self, *args: Any, **keywords: Any) -> dict[str, Any]:
        token: dict[str, Any] = super().generate(*args, **keywords)
        if self._sandbox.switches.omit_expires_in:
            del token["expires_in"]
        return token


class _Grant(ClientCredentialsGrant):  # type: ignore[misc] # Authlib is not typed
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

    def validate_requested_scope(self) -> None:
        """Reject a scope that this client may not request; Authlib would only omit it."""
        wanted = set((self.request.payload.scope or "").split())
        if not wanted <= set(self.request.client.scopes):
            raise InvalidScopeError


def _introspection(sandbox: SandboxState) -> type[IntrospectionEndpoint]:
    class Introspection(IntrospectionEndpoint):  # type: ignore[misc] # Authlib is not typed
        CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def check_permission(self, *_: Any) -> bool:
            return True

        def query_token(self, token: str, _hint: str | None) -> IssuedToken | None:
            sandbox.counters.add("introspections")
            return sandbox.tokens.find(token)

        def introspect_token(self, token: IssuedToken) -> dict[str, Any]:
            return {"active": True, "token_type": "Bearer", **token.claims}

    return Introspection


def _revocation(sandbox: SandboxState) -> type[RevocationEndpoint]:
    class Revocation(RevocationEndpoint):  # type: ignore[misc] # Authlib is not typed
        CLIENT_AUTH_METHODS = ("client_secret_basic", "client_secret_post")

        def query_token(self, token: str, _hint: str | None) -> IssuedToken | None:
            return sandbox.tokens.find(token)

        def revoke_token(self, token: IssuedToken, _request: Any) -> None:
            sandbox.tokens.revoke(token.value)
            sandbox.counters.add("revocations")

    return Revocation


def _save(sandbox: SandboxState, token: dict[str, Any]) -> None:
    from joserfc import jwt  # noqa: PLC0415 - used by nothing else here

    claims = jwt.decode(token["access_token"], sandbox.keys.published()).claims
    sandbox.tokens.add(IssuedToken(token["access_token"], dict(claims)))
    sandbox.counters.add("mints")


def _rename_refusal(response: Response, refusal: tuple[int, str] | None) -> None:
    """Refuse a client as another server would, with its status and its error code."""
    if refusal is not None and response.get_json()["error"] == "invalid_client":
        response.status_code, error = refusal
        response.set_data(json.dumps({"error": error} if error else {}))


def add_authorization_server(app: Flask, sandbox: SandboxState) -> None:
    """Add the endpoints for tokens, introspection, revocation, keys and metadata."""
    server = AuthorizationServer(
        app,
        query_client=sandbox.clients.find,
        save_token=lambda token, _request: _save(sandbox, token),
    )
    server.register_token_generator("default", _Tokens(sandbox))
    server.register_grant(_Grant)
    server.register_endpoint(_introspection(sandbox))
    server.register_endpoint(_revocation(sandbox))
    plane = Blueprint("token_plane", __name__)

    @plane.post(f"{BASE_PATH}/oauth/token")
    def token() -> Response:
        response: Response = server.create_token_response(request)
        if response.status_code != 200:  # noqa: PLR2004 - the one success
            sandbox.counters.add("token_refused")
            _rename_refusal(response, sandbox.switches.client_refusal)
        return response

    @plane.post(f"{BASE_PATH}/oauth/introspect")
    def introspect() -> Response:
        response: Response = server.create_endpoint_response("introspection", request)
        return response

    @plane.post(f"{BASE_PATH}/oauth/revoke")
    def revoke() -> Response:
        response: Response = server.create_endpoint_response("revocation", request)
        return response

    @plane.get(f"{BASE_PATH}/oauth/jwks")
    def jwks() -> Response:
        sandbox.counters.add("jwks_requests")
        time.sleep(sandbox.switches.jwks_latency)
        return jsonify(sandbox.keys.published().as_dict(private=False))

    @plane.get("/.well-known/oauth-authorization-server")
    def metadata() -> Response:
        sandbox.counters.add("metadata_requests")
        return jsonify(metadata_of(sandbox))

    app.register_blueprint(plane)


def metadata_of(sandbox: SandboxState) -> dict[str, Any]:
    """Return the authorization server's metadata (RFC 8414 section 2)."""
    base = sandbox.base_url
    methods = ["client_secret_post", "client_secret_basic"]
    members = {
        "issuer": sandbox.issuer,
        "token_endpoint": f"{base}/oauth/token",
        "introspection_endpoint": f"{base}/oauth/introspect",
        "revocation_endpoint": f"{base}/oauth/revoke",
        "jwks_uri": f"{base}/oauth/jwks",
        "scopes_supported": list(sandbox.settings.scopes),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
    }
    return {name: each for name, each in members.items() if name not in sandbox.switches.unnamed}
