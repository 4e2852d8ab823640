"""The source under the engine: rotation under load, in threads and after a fork."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

import pytest

from busy_callers import rotate_secret, rotate_under_load
from credicorp_auth import CredicorpAuth
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def stack():
    """Close everything that was opened, after the test."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def sandbox(stack):
    """An authorization server and API whose tokens live for two seconds."""
    return stack.enter_context(Sandbox(SandboxSettings(expires_in=2, client_secret="canary-1")))


@pytest.fixture
def store(tmp_path, sandbox):
    """Return what puts a secret where the program finds it."""

    def put(secret):
        record = {"version": 1, "client_id": sandbox.client_id, "client_secret": secret}
        (tmp_path / "new").write_text(json.dumps(record))
        (tmp_path / "new").replace(tmp_path / "record.json")

    return put


@pytest.fixture
def auth(sandbox, store, tmp_path, stack):
    """The library as a service would set it up, id and secret from a program."""
    store("canary-1")
    made = CredicorpAuth(
        base_url=sandbox.base_url,
        scope="decisions:read",
        secrets="exec",
        secrets_options={"command": f"cat '{tmp_path}/record.json'", "timeout": "20"},
    )
    return stack.enter_context(made)


def test_fault_199_rotation_under_load(sandbox, auth, store, scale, evidence):
    """Eight threads, tokens of two seconds, rotations without end: no call fails."""
    outcome = rotate_under_load(sandbox, auth, rotate_secret(sandbox, store), seconds=60 * scale)

    evidence("rotation-exec", **outcome.figures())
    outcome.assert_no_call_failed()


def test_a_child_of_a_fork_runs_the_program_itself(sandbox, auth, store):
    """After a fork, parent and child read a rotated secret, each by its own run."""
    auth.get_token()
    sandbox.client.add_secret("canary-2")
    store("canary-2")
    sandbox.client.revoke_secret("canary-1")
    child = os.fork()
    if child == 0:
        auth.invalidate(auth.get_token())
        os._exit(0 if auth.header().startswith("Bearer ") else 1)
    auth.invalidate(auth.get_token())

    assert auth.header().startswith("Bearer ")
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
