"""A token endpoint that answers as told, on a real socket, and an engine whose pauses cost nothing."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from credicorp_auth import errors
from credicorp_auth.settings.schema import Settings
from credicorp_auth.wiring.engines import build_engine
from credicorp_auth_testing.clock import MovableClock
from credicorp_auth_testing.fakes import wait_idle
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings


class Bench:
    """A sandbox, and engines that ask it."""

    def __init__(self, stack):
        self.stack = stack
        self.sandbox = stack.enter_context(
            Sandbox(SandboxSettings(token_rate=10_000, token_burst=10_000))
        )
        self.clients = 0
        self.events = []

    def engine(self, **settings):
        """Build an engine of a client of its own, whose clock moves instead of waiting."""
        self.clients += 1
        self.events.clear()
        self.clock = MovableClock()
        engine = build_engine(
            Settings(
                base_url=self.sandbox.base_url,
                **{
                    "client_id": f"client-{self.clients}",
                    "client_secret": "hunter2-canary",
                    "scope": "a b",
                    "observers": [lambda event: self.events.append(event.name)],
                    **settings,
                },
            ),
            clock=self.clock,
        )
        self.stack.callback(engine.close)
        return engine

    def ask(self, engine):
        """Ask for a token; return it, or the error."""
        try:
            return engine.get_token()
        except errors.CredicorpAuthError as error:
            return error
        finally:
            wait_idle()

    def meet(self, *responses, **settings):
        """Let a new engine meet these answers; return what came of it, and the requests."""
        before = self.sandbox.counters["token_requests"]
        self.sandbox.switches.fail_next(responses)
        outcome = self.ask(self.engine(**settings))
        return outcome, self.sandbox.counters["token_requests"] - before


@pytest.fixture(scope="module")
def module_lab():
    """Set up one bench for a module: each test has a client of its own."""
    with ExitStack() as stack:
        yield Bench(stack)


@pytest.fixture
def lab(module_lab):
    """Hand out the bench without what the last test's answers left behind."""
    module_lab.sandbox.switches.fail_next([])
    return module_lab


@pytest.fixture
def fresh_bench():
    """Set up a bench with an address of its own: what has answered is known to the process."""
    with ExitStack() as stack:
        yield Bench(stack)
