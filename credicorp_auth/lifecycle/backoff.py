"""What is remembered when something went wrong, so that nobody asks again before it makes sense."""

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
from credicorp_auth.lifecycle.endpoint_state import Failed, Refused, wishes_for
from credicorp_auth.oauth.refusal import may_blame_client, refuses_client

if TYPE_CHECKING:
    from credicorp_auth.http.messages import HttpResponse
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.endpoint_state import EndpointState
    from credicorp_auth.lifecycle.runtime import Runtime, TokenRequirements
    from credicorp_auth.lifecycle.windows import Instant

_BUSY_FLOOR: Final = 1.0  # seconds between attempts where a 429 gives no advice


class BackoffRuntime(Protocol):
    """What choosing a pause needs from outside."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def recall(self) -> EndpointState:
        """Return how the client stands with the endpoint."""
        ...


def note_failure(
    runtime: Runtime,
    error: CredicorpAuthError,
    requirements: TokenRequirements | None = None,
    credentials: ClientCredentials | None = None,
) -> None:
    """
    Remember a failure, so that nobody asks again before it makes sense.

    Args:
        runtime: Where.
        error: What went wrong.
        requirements: What was asked for; a refusal is remembered for that alone, or for the client.
        credentials: What was read last of the source: a change of it lifts a refusal.
    """
    runtime.emit("request.failed", code=error.code)
    if requirements is not None and credentials is not None and is_refusal(error):
        runtime.emit("refusal.remembered", code=error.code, scope=str(requirements.scope))
        scope = None if refuses_client(error) else requirements.scope
        runtime.remember(Refused(error, scope, credentials.version))
        return
    pause = wishes_for(error)
    if pause is not None:
        runtime.emit("endpoint.cooldown", seconds=pause)
    else:
        pause = backoff(runtime.recall().failures + 1, runtime.random())
    runtime.remember(Failed(error, pause))


def is_refusal(error: CredicorpAuthError) -> bool:
    """Say whether the server will say the same again until somebody changes something."""
    if isinstance(error, (TokenRequestRefused, ScopeNotGranted)):
        return not error.retryable
    return may_blame_client(error)  # a bare 403


def note_wish(
    runtime: BackoffRuntime, error: CredicorpAuthError, response: HttpResponse, arrived: Instant
) -> None:
    """Write into a failure how long to leave the endpoint alone, if the server asked for that."""
    advised = read_retry_after(response, arrived.wall)
    if isinstance(error, (TokenEndpointBusy, ServerFailed)) and (
        advised is not None or isinstance(error, TokenEndpointBusy)
    ):
        # What was asked is a lower bound: a fleet that comes back in step meets the same again.
        grown = backoff(runtime.recall().failures + 1, runtime.random(), floor=_BUSY_FLOOR)
        error.retry_after = max(advised or 0.0, grown)
