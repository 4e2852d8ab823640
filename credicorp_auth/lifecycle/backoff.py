"""Failure bookkeeping: cooldowns and refusals that hold back the next request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from credicorp_auth.errors import (
    CredicorpAuthError,
    ScopeNotGranted,
    ServerFailed,
    TokenEndpointBusy,
    TokenRequestRefused,
)
from credicorp_auth.http.retry import backoff, read_retry_after
from credicorp_auth.lifecycle.endpoint_state import Failed, Refused, requested_pause
from credicorp_auth.oauth.refusal import may_blame_client, refuses_client

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointOutcome, EndpointState
    from credicorp_auth.lifecycle.runtime import Runtime, TokenRequirements
    from credicorp_auth.lifecycle.windows import Instant

_LATE_SOURCE: Final = "secret.timeout"
_BUSY_FLOOR: Final = 1.0  # minimum seconds between attempts after a 429


class BackoffRuntime(Protocol):
    """Runtime port of the backoff: random numbers, and reading the endpoint state."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def recall(self) -> EndpointState:
        """Return the endpoint's state towards the client."""
        ...


class NotingRuntime(BackoffRuntime, Protocol):
    """Runtime port of a failure: the backoff's, events, and writing the endpoint state."""

    def remember(self, outcome: EndpointOutcome) -> None:
        """Fold an outcome into the endpoint's state."""
        ...

    def emit(self, name: str, **fields: str | float | bool | None) -> None:
        """Emit an event to observers and the log."""
        ...


def note_failure(
    runtime: Runtime,
    error: CredicorpAuthError,
    requirements: TokenRequirements | None = None,
    credentials: ClientCredentials | None = None,
) -> None:
    """
    Remember a failure, as a refusal or as a cooldown, and emit it.

    Args:
        runtime: The runtime that keeps the endpoint state.
        error: The failure.
        requirements: The requirements of the failed call. A refusal is remembered for their scope,
            or for the client as a whole. None: a cooldown in any case.
        credentials: The credentials that were last read from the source; a new version lifts the
            refusal. None: a cooldown in any case.
    """
    runtime.emit("request.failed", code=error.code)
    if requirements is not None and credentials is not None and is_refusal(error):
        runtime.emit("refusal.remembered", code=error.code, scope=str(requirements.scope))
        scope = None if refuses_client(error) else requirements.scope
        runtime.remember(Refused(error, scope, credentials.version))
        return
    note_cooldown(runtime, error)


def note_cooldown(runtime: NotingRuntime, error: CredicorpAuthError) -> None:
    """
    Remember a failure, with the cooldown that the server asked for, or else a backoff.

    A secret source that took too long needs none: it is not called until it is well.
    """
    if error.code == _LATE_SOURCE:
        return
    pause = requested_pause(error)
    if pause is not None:
        runtime.emit("endpoint.cooldown", seconds=pause)
    else:
        pause = backoff(runtime.recall().failures + 1, runtime.random())
    runtime.remember(Failed(error, pause))


def is_refusal(error: CredicorpAuthError) -> bool:
    """Say whether the server will refuse again until its settings or ours change."""
    # A bare 403 may blame the client, but is a `ServerFailed`.
    return isinstance(error, TokenRequestRefused | ScopeNotGranted) or may_blame_client(error)


def note_retry_after(
    runtime: BackoffRuntime, error: CredicorpAuthError, response: HttpResponse, arrived: Instant
) -> None:
    """Set `retry_after` of a failure if the server asked for a cooldown, or sent a 429 or 503."""
    advised = read_retry_after(response, arrived.wall)
    if isinstance(error, (TokenEndpointBusy, ServerFailed)) and (
        advised is not None or isinstance(error, TokenEndpointBusy)
    ):
        # The server's number is a lower bound: a fleet that retries in step hits the limit again.
        grown = backoff(runtime.recall().failures + 1, runtime.random(), floor=_BUSY_FLOOR)
        error.retry_after = max(advised or 0.0, grown)
