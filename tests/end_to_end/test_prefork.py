"""Processes that are made of other processes: what they inherit, and what they do not."""

from __future__ import annotations

import json
import os

import pytest

from credicorp_auth.engine.tokens.runtime import ServerRuntime
from credicorp_auth_testing.fakes import ScriptedTransport

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("method", "mints"), [("fork", 1), ("forkserver", 5), ("spawn", 5)])
def test_fault_293_workers_inherit_the_token_or_mint_their_own(
    open_sandbox, start_program, method, mints
):
    """293: an object made before the workers serves each; forked ones use the parent's token."""
    sandbox = open_sandbox()
    program = start_program("prefork.py", sandbox, method)
    said, complaints = program.communicate(timeout=300)

    assert "" == complaints
    emitted = json.loads(said)
    assert (
        mints == sandbox.counters["token_requests"] == len({emitted["parent"], *emitted["workers"]})
    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fault_292_a_child_has_dice_of_its_own(connect, open_sandbox):
    """292: record ids and jitter of a child differ from its parent's."""
    auth = connect(open_sandbox(), transport=ScriptedTransport())
    runtime = next(each for each in vars(auth._engine).values() if isinstance(each, ServerRuntime))
    incoming, outgoing = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(outgoing, f"{runtime.random()} {runtime.new_record_id()}".encode())
        os._exit(0)
    os.waitpid(pid, 0)
    os.close(outgoing)
    with os.fdopen(incoming) as said:
        theirs = said.read().split()

    assert 2 == len({*theirs} - {str(runtime.random()), runtime.new_record_id()})
