"""What is remembered when something went wrong, so that nobody asks again before it makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from credicorp_auth.errors import (
    CredicorpAuthError,
    InvalidClient,
    ScopeNotGranted,
    TokenEndpointBusy,
    TokenRequestRefused,
    UnauthorizedClient,
)
from credicorp_auth.lifecycle.standing import Failed, Refused
from credicorp_auth.oauth.retry import back_off, read_retry_after

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.standing import Standing
    from credicorp_auth.lifecycle.windows import Instant
    from credicorp_auth.lifecycle.world import Errand, World
    from credicorp_auth.oauth.http import HttpResponse

_BUSY_FLOOR: Final = 1.0  # seconds between attempts where a 429 gives no advice


class BackOffWorld(Protocol):
    """What choosing a pause needs from outside."""

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...

    def recall(self) -> Standing:
        """Return how the client stands with the endpoint."""
        ...


def note_failure(
    world: World,
    error: CredicorpAuthError,
    errand: Errand | None = None,
    credentials: ClientCredentials | None = None,
) -> None:
    """Remember a failure, so that nobody asks again before it makes sense."""
    world.tell("request.failed", code=error.code)
    if isinstance(error, TokenEndpointBusy):
        world.tell("endpoint.cool_down", seconds=error.retry_after)
        world.remember(Failed(error, error.retry_after))
    elif (
        isinstance(error, (TokenRequestRefused, ScopeNotGranted))
        and not error.retryable
        and errand is not None
        and credentials is not None
    ):
        whole_client = isinstance(error, (InvalidClient, UnauthorizedClient))
        world.tell("refusal.remembered", code=error.code, scope=str(errand.scope))
        scope = None if whole_client else errand.scope
        world.remember(Refused(error, scope, credentials.version))
    else:
        pause = back_off(world.recall().failures + 1, world.random())
        world.remember(Failed(error, pause))


def choose_pause(world: BackOffWorld, response: HttpResponse, arrived: Instant) -> float:
    """Return how long to leave the endpoint alone: a growing while, and as it asked at least."""
    # What was asked is a lower bound: a fleet that comes back in step meets the same answer again.
    advised = read_retry_after(response, arrived.wall) or 0.0
    grown = back_off(world.recall().failures + 1, world.random(), floor=_BUSY_FLOOR)
    return max(advised, grown)
