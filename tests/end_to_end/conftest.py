"""A real authorization server for the tests, and a library that talks to it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def open_sandbox() -> Iterator[Callable[..., Sandbox]]:
    """Open sandboxes, and close them after the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Sandbox(SandboxSettings(**settings)))


@pytest.fixture
def connect() -> Iterator[Callable[..., CredicorpAuth]]:
    """Connect to a sandbox; close after the test."""
    with ExitStack() as stack:

        def to(sandbox: Sandbox, **settings: Any) -> CredicorpAuth:
            auth = CredicorpAuth(
                base_url=sandbox.base_url,
                client_id=sandbox.client_id,
                client_secret=sandbox.client_secret,
                scope="decisions:read",
                **settings,
            )
            return stack.enter_context(auth)

        yield to


@pytest.fixture
def start_program() -> Callable[..., subprocess.Popen[str]]:
    """Start one of the programs as a process of its own, against a sandbox."""

    def start(name: str, sandbox: Sandbox, *arguments: str) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "CREDICORP_BASE_URL": sandbox.base_url,
            "CREDICORP_CLIENT_ID": sandbox.client_id,
            "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
        }
        return subprocess.Popen(
            [sys.executable, str(PROGRAMS / name), *arguments],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start
