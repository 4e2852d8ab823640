"""Errors with an external cause: a secret source, a cache, the network or a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from credicorp_auth.errors.root import CredicorpAuthError

if TYPE_CHECKING:
    from collections.abc import Collection


class SecretUnavailable(CredicorpAuthError):
    """The secret source could not provide the client's credentials."""

    default_code = "secret.unavailable"
    default_hint = "check the secret source."


class CacheUnavailable(CredicorpAuthError):
    """A cache is unavailable; the engine continues without it, and emits an event."""

    default_code = "cache.unavailable"
    default_hint = "check the cache; tokens are kept in memory meanwhile."


class ServerUnreachable(CredicorpAuthError):
    """No usable server was reached."""

    default_code = "transport"
    default_hint = "check address, network and proxy, then try again."
    default_retryable = True


class ConnectionFailed(ServerUnreachable):
    """The connection failed, or broke before the response was complete."""

    default_code = "transport.connect"


class DeadlinePassed(ServerUnreachable, TimeoutError):
    """
    The time limit of the call has passed.

    If an adapter had the call, `stage` is its kind and method, such as `cache.read`, and `adapter`
    names it; else both are empty.
    """

    stage: str = ""
    adapter: str = ""

    default_code = "transport.deadline"
    default_hint = "try again, or allow more time with `timeout`."


class TlsFailed(ServerUnreachable):
    """No trusted TLS connection to the server could be made."""

    default_code = "transport.tls"
    default_hint = "check the server's certificate and name, and `ca_file` of the transport."
    default_retryable = False


class RedirectRefused(ServerUnreachable):
    """The server sent a redirect as the response to a request that carries credentials."""

    default_code = "transport.redirect_refused"
    default_hint = "set the final address; requests that carry credentials follow no redirects."
    default_retryable = False


class ServerFailed(ServerUnreachable):
    """
    The server responded with a failure status, or that the address does not exist.

    Args:
        status: HTTP status code of the response.
        retry_after: Seconds of the response's `Retry-After`; None if it has none.
        error: The OAuth error code in the body, unchanged; or empty.
        description: The server's explanation, escaped, shortened and scrubbed; or empty.
    """

    default_code = "token_endpoint.server_error"
    default_hint = "try again later; if it lasts, ask the operator of the server."

    def __init__(
        self,
        message: str,
        *,
        status: int,
        retry_after: float | None = None,
        error: str = "",
        description: str = "",
        **rest: Any,
    ) -> None:
        super().__init__(message, **rest)
        self.status = status
        self.retry_after = retry_after
        self.error = error
        self.description = description


class TokenRequestRefused(CredicorpAuthError):
    """
    The authorization server refused the request (RFC 6749 section 5.2).

    Args:
        error: The server's error code, unchanged.
        description: The server's explanation, escaped, shortened and scrubbed; or empty.
        status: HTTP status code of the response.
    """

    default_code = "oauth.refused"
    default_hint = "ask the operator of the authorization server what this client may do."

    def __init__(
        self, message: str, *, error: str, description: str = "", status: int, **rest: Any
    ) -> None:
        super().__init__(message, **rest)
        self.error = error
        self.description = description
        self.status = status


class InvalidRequest(TokenRequestRefused):
    """The server rejected the token request as malformed."""

    default_code = "oauth.invalid_request"
    default_hint = "check `client_authentication`, `resource` and `extra_parameters`."


class InvalidClient(TokenRequestRefused):
    """The server rejected the client id, the secret or the authentication method."""

    default_code = "oauth.invalid_client"
    default_hint = "check client id and secret, and the `client_authentication` method."


class InvalidGrant(TokenRequestRefused):
    """The server refused the grant."""

    default_code = "oauth.invalid_grant"


class UnauthorizedClient(TokenRequestRefused):
    """This client may not use the client-credentials grant."""

    default_code = "oauth.unauthorized_client"
    default_hint = "ask for the client_credentials grant to be enabled for this client."


class UnsupportedGrantType(TokenRequestRefused):
    """The server does not offer the client-credentials grant."""

    default_code = "oauth.unsupported_grant_type"
    default_hint = "check that `token_url` is a client-credentials token endpoint."


class InvalidScope(TokenRequestRefused):
    """The server does not know the scope, or does not grant it to this client."""

    default_code = "oauth.invalid_scope"
    default_hint = "request only scopes that the client has, written as the server writes them."


class InvalidTarget(TokenRequestRefused):
    """The server does not know the requested resource (RFC 8707 section 2)."""

    default_code = "oauth.invalid_target"
    default_hint = "check `resource`."


class UnsupportedTokenType(TokenRequestRefused):
    """The endpoint does not support tokens of this kind, such as JWTs (RFC 7009 section 2.2.1)."""

    default_code = "oauth.unsupported_token_type"
    default_hint = "verify JWTs with `auth.verify`, or ask the operator which tokens it takes."


class TokenEndpointBusy(CredicorpAuthError):
    """
    The token, introspection or revocation endpoint limits the request rate.

    Args:
        retry_after: Seconds from now during which no request is sent.
        error: The OAuth error code in the body, unchanged; or empty.
        description: The server's explanation, escaped, shortened and scrubbed; or empty.
    """

    default_code = "rate_limited"
    default_hint = "call again after `retry_after` seconds, or allow more time with `timeout`."
    default_retryable = True

    def __init__(
        self,
        message: str,
        *,
        retry_after: float,
        error: str = "",
        description: str = "",
        **rest: Any,
    ) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after
        self.error = error
        self.description = description


class MalformedResponse(CredicorpAuthError):
    """The server's response violates the protocol."""

    default_code = "response.malformed"
    default_hint = "check that the address is that of the OAuth endpoint; then ask its operator."


class ScopeNotGranted(CredicorpAuthError):
    """
    The server granted less scope than requested.

    Args:
        asked: The requested scope tokens.
        granted: The granted scope tokens.
    """

    default_code = "response.scope_insufficient"
    default_hint = "request less, ask the operator to grant more, or set narrowed_scope='accept'."

    def __init__(
        self, message: str, *, asked: Collection[str], granted: Collection[str], **rest: Any
    ) -> None:
        super().__init__(message, **rest)
        self.asked = frozenset(asked)
        self.granted = frozenset(granted)

    @property
    def missing(self) -> frozenset[str]:
        """The scope tokens that were requested but not granted."""
        return self.asked - self.granted


class OriginNotAllowed(CredicorpAuthError):
    """
    A request to an origin that is not allowed would have carried the token.

    Args:
        origin: The request's origin, as scheme://host:port.
    """

    default_code = "origin.refused"
    default_hint = "add the origin to `allowed_origins` if the token may go there."

    def __init__(self, message: str, *, origin: str, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.origin = origin
