"""
Everything that can go wrong, whose fault it is, and what to do about it.

    CredicorpAuthError
    ├── ConfigurationError      yours: a setting
    │   ├── InvalidSetting (also ValueError)
    │   ├── MissingSetting
    │   ├── AdapterNotFound
    │   ├── AdapterBroken
    │   ├── AdapterConflict
    │   └── AdapterBlocked
    ├── UsageError              yours: a call
    │   ├── Closed
    │   └── Reentrant
    ├── SecretUnavailable       the secret source's
    ├── ServerUnreachable       nobody fit answered
    │   ├── ConnectionFailed
    │   ├── DeadlinePassed (also TimeoutError)
    │   ├── TlsFailed
    │   ├── RedirectRefused
    │   └── ServerFailed
    ├── TokenRequestRefused     the server said no
    │   └── InvalidRequest InvalidClient InvalidGrant UnauthorizedClient
    │       UnsupportedGrantType InvalidScope InvalidTarget
    ├── TokenEndpointBusy       429 or 503 to the end
    ├── MalformedAnswer         the server spoke, but not OAuth
    ├── ScopeNotGranted         the server gave less than was asked
    └── OriginNotAllowed        the token would have left home

Every error carries a stable `code`, a one-sentence `cure` and `retryable`; all of them can be
pickled; none holds a secret, a token or a response body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


def _rebuild(kind: type[CredicorpAuthError], state: dict[str, Any]) -> CredicorpAuthError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    Exception.__init__(error, state["what"])
    return error


class CredicorpAuthError(Exception):
    """
    Something between a service and its token went wrong.

    Args:
        what: One lower-case sentence: what happened, to which client, where.
        code: The stable, dotted name of this failure; the class's own when not given.
        cure: One sentence: what to do about it; the class's own when not given.
        retryable: Whether the same call may succeed later without anybody changing anything.

    .. versionadded:: 1.0.0
    """

    default_code: ClassVar[str] = "error"
    default_cure: ClassVar[str] = "read the message and the reference of error codes."
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        code: str | None = None,
        cure: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.code = code or self.default_code
        self.cure = cure or self.default_cure
        self.retryable = self.default_retryable if retryable is None else retryable

    def __str__(self) -> str:
        return f"{self.what} [{self.code}]; {self.cure}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.what!r})"

    def __reduce__(self) -> tuple[Callable[..., CredicorpAuthError], tuple[Any, ...]]:
        return _rebuild, (type(self), dict(self.__dict__))

    def copy(self) -> Self:
        """
        Make a fresh exception that says the same.

        One exception object raised by many threads collects everybody's traceback; each caller
        who waited for the same failure therefore raises a copy of its own.
        """
        fresh = type(self).__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        Exception.__init__(fresh, self.what)
        fresh.__cause__ = None
        return fresh


class ConfigurationError(CredicorpAuthError):
    """The settings, or the adapters they name, cannot work."""

    default_code = "config.invalid"
    default_cure = "correct the setting."


class InvalidSetting(ConfigurationError, ValueError):
    """A setting has a value that cannot be used."""

    default_code = "config.value"


class MissingSetting(ConfigurationError):
    """A setting that is needed was not given anywhere."""

    default_code = "config.missing"


class AdapterNotFound(ConfigurationError):
    """No installed distribution offers the adapter that was named."""

    default_code = "plugin.missing"


class AdapterBroken(ConfigurationError):
    """The adapter is installed, but fails to load or breaks the contract of its port."""

    default_code = "plugin.load"
    default_cure = "mend or update the distribution that provides the adapter."


class AdapterConflict(ConfigurationError):
    """Two distributions claim one adapter name, so neither is used."""

    default_code = "plugin.conflict"
    default_cure = "uninstall the distribution that should not be there."


class AdapterBlocked(ConfigurationError):
    """The adapter is installed, but the operator's allow-list leaves it out."""

    default_code = "plugin.blocked"
    default_cure = "add the name to CREDICORP_PLUGINS, or choose another adapter."


class UsageError(CredicorpAuthError):
    """The object was called in a way it cannot serve."""

    default_code = "usage"


class Closed(UsageError):
    """The object was closed before, or while, the call was made."""

    default_code = "closed"
    default_cure = "make a new CredicorpAuth, and close it only when nobody uses it any more."


class Reentrant(UsageError):
    """An adapter asked for the very token that it is helping to obtain."""

    default_code = "concurrency.reentrant"
    default_cure = "give the adapter credentials of its own."


class SecretUnavailable(CredicorpAuthError):
    """The secret source could not hand over the client's credentials."""

    default_code = "secret.unavailable"
    default_cure = "check the secret source."


class ServerUnreachable(CredicorpAuthError):
    """Nobody fit to answer was reached."""

    default_code = "transport"
    default_cure = "check address, network and proxy, then try again."
    default_retryable = True


class ConnectionFailed(ServerUnreachable):
    """The connection was not made, or broke before a whole answer had come."""

    default_code = "transport.connect"


class DeadlinePassed(ServerUnreachable, TimeoutError):
    """The time allowed for the call ran out."""

    default_code = "transport.deadline"
    default_cure = "try again, or allow more time with `timeout`."


class TlsFailed(ServerUnreachable):
    """No trusted TLS connection could be agreed with the server."""

    default_code = "transport.tls"
    default_cure = "check the server's certificate and name, and `ca_file` of the transport."
    default_retryable = False


class RedirectRefused(ServerUnreachable):
    """The server answered a request that carries credentials with a redirect."""

    default_code = "transport.redirect_refused"
    default_cure = "set the final address; requests that carry credentials follow no redirects."
    default_retryable = False


class ServerFailed(ServerUnreachable):
    """
    The server answered with a status that says nothing of OAuth.

    Args:
        status: HTTP status code of the answer.
    """

    default_code = "token_endpoint.server_error"
    default_cure = "try again later; if it lasts, ask the operator of the server."

    def __init__(self, what: str, *, status: int, **rest: Any) -> None:
        super().__init__(what, **rest)
        self.status = status


class TokenRequestRefused(CredicorpAuthError):
    """
    The authorization server understood the request and refused it (RFC 6749 section 5.2).

    Args:
        error: The server's error code, as it sent it.
        description: The server's explanation, escaped, shortened and scrubbed; or empty.
        status: HTTP status code of the answer.
    """

    default_code = "oauth.refused"
    default_cure = "ask the operator of the authorization server what this client may do."

    def __init__(
        self, what: str, *, error: str, description: str = "", status: int, **rest: Any
    ) -> None:
        super().__init__(what, **rest)
        self.error = error
        self.description = description
        self.status = status


class InvalidRequest(TokenRequestRefused):
    """The server found the token request malformed."""

    default_code = "oauth.invalid_request"
    default_cure = "check `client_authentication`, `resource` and `extra_parameters`."


class InvalidClient(TokenRequestRefused):
    """The server does not accept this client id with this secret."""

    default_code = "oauth.invalid_client"
    default_cure = "check client id and secret, and the `client_authentication` method."


class InvalidGrant(TokenRequestRefused):
    """The server refused the grant."""

    default_code = "oauth.invalid_grant"


class UnauthorizedClient(TokenRequestRefused):
    """This client may not use the client-credentials grant."""

    default_code = "oauth.unauthorized_client"
    default_cure = "ask for the client_credentials grant to be enabled for this client."


class UnsupportedGrantType(TokenRequestRefused):
    """The server does not offer the client-credentials grant."""

    default_code = "oauth.unsupported_grant_type"
    default_cure = "check that `token_url` is a client-credentials token endpoint."


class InvalidScope(TokenRequestRefused):
    """The server does not know the scope, or does not grant it to this client."""

    default_code = "oauth.invalid_scope"
    default_cure = "ask for scopes this client was given, spelt as the server spells them."


class InvalidTarget(TokenRequestRefused):
    """The server does not know the resource the token is for (RFC 8707 section 2)."""

    default_code = "oauth.invalid_target"
    default_cure = "check `resource`."


class TokenEndpointBusy(CredicorpAuthError):
    """
    The token endpoint asked to be left alone for longer than the caller can wait.

    Args:
        retry_after: Seconds from now before which no request is made.
    """

    default_code = "rate_limited"
    default_cure = "call again after `retry_after` seconds, or allow more time with `timeout`."
    default_retryable = True

    def __init__(self, what: str, *, retry_after: float, **rest: Any) -> None:
        super().__init__(what, **rest)
        self.retry_after = retry_after


class MalformedAnswer(CredicorpAuthError):
    """The server spoke, but what it said is not what the protocol allows."""

    default_code = "response.malformed"
    default_cure = "check that the address is that of the OAuth endpoint; then ask its operator."


class ScopeNotGranted(CredicorpAuthError):
    """
    The server granted less than was asked for.

    Args:
        asked: Scope tokens that were asked for.
        granted: Scope tokens that were granted.
    """

    default_code = "response.scope_insufficient"
    default_cure = "ask for less, have the client given more, or set narrowed_scope='accept'."

    def __init__(
        self, what: str, *, asked: Collection[str], granted: Collection[str], **rest: Any
    ) -> None:
        super().__init__(what, **rest)
        self.asked = frozenset(asked)
        self.granted = frozenset(granted)

    @property
    def missing(self) -> frozenset[str]:
        """The scope tokens asked for and not granted."""
        return self.asked - self.granted


class OriginNotAllowed(CredicorpAuthError):
    """
    A request to an origin outside the allow-list would have carried the token.

    Args:
        origin: The origin the request was for, as scheme://host:port.
    """

    default_code = "origin.refused"
    default_cure = "add the origin to `allowed_origins` if the token may go there."

    def __init__(self, what: str, *, origin: str, **rest: Any) -> None:
        super().__init__(what, **rest)
        self.origin = origin
