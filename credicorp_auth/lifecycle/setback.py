"""What is remembered when something went wrong, so that nobody asks again before it makes sense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from credicorp_auth.errors import (
    CredicorpAuthError,
    InvalidClient,
    ScopeNotGranted,
    TokenEndpointBusy,
    TokenRequestRefused,
    UnauthorizedClient,
)
from credicorp_auth.lifecycle.standing import Failed, Refused
from credicorp_auth.oauth.retry import back_off

if TYPE_CHECKING:
    from credicorp_auth.lifecycle.client import ClientCredentials
    from credicorp_auth.lifecycle.world import Errand, World


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
