"""An engine on a small stage: scripted transport, switchable cache, movable clock."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import (
    ListedSecrets,
    ScriptedTransport,
    SwitchableCache,
    wait_idle,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from credicorp_auth.engine.clock import Clock
    from credicorp_auth.oauth.token import AccessToken

_CLIENTS = itertools.count()


class Stage:
    """An engine, everything it touches, and the notebook of what the world was asked."""

    def __init__(
        self,
        responses: Any = (),
        *,
        clock: Clock | None = None,
        secrets: Any = None,
        **settings: Any,
    ) -> None:
        self.calls: list[str] = []
        self.events: list[str] = []
        self.clock = MovableClock() if clock is None else clock
        self.transport = ScriptedTransport(
            responses, calls=self.calls, expires_in=settings.pop("expires_in", 3600)
        )
        self.cache = SwitchableCache(self.calls)
        self.secrets = ListedSecrets(secrets or ("secret-1",), calls=self.calls)
        # A client of its own for each stage: cool-downs are shared by the engines of a process.
        settings.setdefault("client_id", f"client-{next(_CLIENTS)}")
        self.engine = build_engine(
            Settings(
                base_url="https://as.example",
                transport=self.transport,
                cache=self.cache,
                secrets=self.secrets,
                observers=[self.observe, *settings.pop("observers", ())],
                **settings,
            ),
            clock=self.clock,
        )

    def observe(self, event: Any) -> None:
        """Write an event's name down."""
        self.events.append(event.name)

    @property
    def mints(self) -> int:
        """How many requests the token endpoint has seen."""
        return len(self.transport.sent)

    def call(self, *, cache_only: bool = False) -> Any:
        """Return the call under way for the default scope, or None."""
        words = self.engine._default.scope.words
        return self.engine._calls.find((words, cache_only))

    def get(self, *args: Any, **keywords: Any) -> AccessToken:
        """Ask for a token on this thread, and let what that started come to its end."""
        try:
            return self.engine.get_token(*args, **keywords)
        finally:
            wait_idle()


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    """Set stages, and close them."""
    stages: list[Stage] = []

    def set_stage(*args: Any, **keywords: Any) -> Stage:
        stages.append(Stage(*args, **keywords))
        return stages[-1]

    yield set_stage
    for each in stages:
        each.transport.gate.set()
        each.engine.close()
    wait_idle()


@pytest.fixture(params=["thread", "task"])
def waiting(request: pytest.FixtureRequest) -> Callable[..., AccessToken]:
    """Ask for a token, once as a thread that waits and once as a task that waits."""

    def as_thread(stage: Stage, *args: Any, **keywords: Any) -> AccessToken:
        return stage.get(*args, **keywords)

    def as_task(stage: Stage, *args: Any, **keywords: Any) -> AccessToken:
        try:
            return asyncio.run(stage.engine.aget_token(*args, **keywords))
        finally:
            wait_idle()

    return as_thread if request.param == "thread" else as_task
