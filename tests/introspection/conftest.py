"""A client whose introspection and revocation endpoints answer from a script, and a movable clock."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from credicorp_auth import CredicorpAuth, Settings
from credicorp_auth.errors import CredicorpAuthError
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import (
    ListedSecrets,
    ScriptedTransport,
    SwitchableCache,
    wait_idle,
)
from credicorp_auth_testing.scripted_runtime import response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CLIENTS = itertools.count()


class Scene:
    """A client, everything it touches, and how it waits."""

    def __init__(
        self, responses: Any = (), *, wait: str = "thread", secrets: Any = None, **settings: Any
    ) -> None:
        self.wait = wait
        self.events: list[Any] = []
        self.clock = MovableClock()
        self.transport = settings.pop("transport", None) or ScriptedTransport(responses)
        self.cache = settings.setdefault("cache", SwitchableCache())
        # A client of its own for each scene: cool-downs are shared by the engines of a process.
        settings.setdefault("client_id", f"inquirer-{next(_CLIENTS)}")
        self.settings = Settings(
            base_url="https://as.example",
            transport=self.transport,
            secrets=ListedSecrets(secrets or ["canary-secret"]),
            observers=[self.events.append],
            **settings,
        )
        self.auth = CredicorpAuth.from_settings(self.settings, clock=self.clock)

    def introspect(self, token: Any = "opaque-canary") -> Any:
        """Ask about a token; return the answer, or the error; leave nothing under way."""
        return self._call(self.auth.introspect, self.auth.aintrospect, token)

    def revoke(self, token: Any = "opaque-canary") -> Any:
        """Revoke a token; return None, or the error; leave nothing under way."""
        return self._call(self.auth.revoke, self.auth.arevoke, token)

    def _call(self, call: Any, acall: Any, token: Any) -> Any:
        try:
            return call(token) if self.wait == "thread" else asyncio.run(acall(token))
        except CredicorpAuthError as error:
            return error
        finally:
            wait_idle()

    @property
    def sent(self) -> int:
        """How many requests there were."""
        return len(self.transport.sent)

    def emitted(self, name: str) -> list[dict[str, Any]]:
        """Return the fields of each event of that name."""
        return [dict(event.fields) for event in self.events if event.name == name]


@pytest.fixture
def scene() -> Iterator[Callable[..., Scene]]:
    """Set scenes, and close them."""
    scenes: list[Scene] = []

    def set_scene(*args: Any, **keywords: Any) -> Scene:
        scenes.append(Scene(*args, **keywords))
        return scenes[-1]

    yield set_scene
    for each in scenes:
        if isinstance(each.transport, ScriptedTransport):
            each.transport.gate.set()
        each.auth.close()
    wait_idle()


@pytest.fixture(params=["thread", "task"])
def wait(request: pytest.FixtureRequest) -> str:
    """Wait as a thread, and as a task."""
    return str(request.param)


@pytest.fixture
def active() -> Callable[..., Any]:
    """Build the answer about a token that counts."""
    return lambda **members: response(active=True, **members)


@pytest.fixture
def inactive() -> Any:
    """Build the answer about a token that does not count."""
    return response(active=False)
