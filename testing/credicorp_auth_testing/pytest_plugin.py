"""
Pytest plugin of credicorp-auth: fixtures, and a report of contracts.

pytest loads this module in every run, so it imports nothing until a fixture is used or a contract
is collected.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from credicorp_auth.auth import CredicorpAuth
    from credicorp_auth_testing.clock import MovableClock
    from credicorp_auth_testing.sandbox import Sandbox

CONTRACTS = "credicorp_auth_testing.contracts"

pytest.register_assert_rewrite(CONTRACTS)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the conformance report and for the time limit."""
    group = parser.getgroup("credicorp-auth")
    group.addoption(
        "--credicorp-report",
        metavar="FILE",
        help="write a report of the credicorp-auth contracts that were run to FILE, as JSON",
    )
    group.addoption(
        "--credicorp-limit",
        metavar="SECONDS",
        type=float,
        help="time limit of a test of a credicorp-auth contract (default: 30)",
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    """Record the results of the run if contracts were collected."""
    config = session.config
    if config.getoption("collectonly"):
        return
    if CONTRACTS in sys.modules or config.getoption("--credicorp-report"):
        from credicorp_auth_testing.conformance import Conformance  # noqa: PLC0415 - only if needed
        from credicorp_auth_testing.limits import SECONDS, Limits  # noqa: PLC0415 - only if needed

        config.pluginmanager.register(Conformance(session.items))
        config.pluginmanager.register(Limits(config.getoption("--credicorp-limit") or SECONDS))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the results of a pytest-xdist worker."""
    output = getattr(node, "workeroutput", {})
    plugins = node.config.pluginmanager
    if any(each.startswith("credicorp_auth") for each in output):
        from credicorp_auth_testing.conformance import Conformance  # noqa: PLC0415 - only if needed

        if not plugins.has_plugin(CONTRACTS):
            plugins.register(Conformance(), CONTRACTS)
        plugins.get_plugin(CONTRACTS).take(output)


@pytest.fixture
def credicorp_clock() -> MovableClock:
    """A clock that stands still until the test moves it; a wait moves it instead of sleeping."""
    from credicorp_auth_testing.clock import MovableClock  # noqa: PLC0415 - only if used

    return MovableClock(wall=time.time())


@pytest.fixture
def credicorp_auth_offline(credicorp_clock: MovableClock) -> Iterator[CredicorpAuth]:
    """A `CredicorpAuth` that needs no network and no server: every token request is granted."""
    from credicorp_auth_testing.echo import build_offline  # noqa: PLC0415 - only if used

    with build_offline(clock=credicorp_clock) as auth:
        yield auth


@pytest.fixture
def credicorp_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox for one test: authorization server and partner API; `CREDICORP_*` point to it."""
    from credicorp_auth_testing.sandbox import Sandbox  # noqa: PLC0415 - only if used

    for variable in [each for each in os.environ if each.startswith("CREDICORP_")]:
        monkeypatch.delenv(variable)  # the developer's settings must not affect the test
    with Sandbox() as sandbox:
        monkeypatch.setenv("CREDICORP_BASE_URL", sandbox.base_url)
        monkeypatch.setenv("CREDICORP_CLIENT_ID", sandbox.client_id)
        monkeypatch.setenv("CREDICORP_CLIENT_SECRET", sandbox.client_secret)
        yield sandbox
