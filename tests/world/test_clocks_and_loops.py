"""Event loops of other kinds, clocks that tests freeze, and processes that are copies."""

from __future__ import annotations

import random
from importlib.util import find_spec

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth.engine.tokens.runtime import ServerRuntime
from credicorp_auth_testing.wire import Drip, Receive, Send, WireServer, response

pytestmark = pytest.mark.slow

JSON = ("Content-Type", "application/json")


def token(value):
    """Return a token response."""
    body = f'{{"access_token": "{value}", "token_type": "Bearer", "expires_in": 3600}}'
    return response(body.encode(), headers=[JSON])


@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_fault_422_two_hundred_tasks_need_one_mint(pulse, run_program, loop):
    """422: the loop runs on while the token is requested, whichever loop it is."""
    if not find_spec(loop):
        pytest.skip(f"{loop} is not installed")
    with WireServer([Receive(), pulse.beats(), Send(token("abc"))]) as server:
        outcomes = run_program("loops.py", loop, str(pulse.port), server.url.removesuffix("/token"))

    assert ({"abc": 200}, 1) == (outcomes, len(server.connections))


STEPS = {
    # a token of the present; of the frozen time, twice; of two hours later; and of the present
    "freezegun": ["1", "2", "2", "3", "3"],
    "freezegun_first": ["1", "1", "2", "2"],
    "time_machine": ["1", "2", "2", "3", "3"],
}


@pytest.mark.parametrize("tool", STEPS)
def test_fault_423_frozen_clocks(run_program, tool):
    """423: tokens expire by the time that a test sets, and deadlines by the time that goes on."""
    if not find_spec(tool.removesuffix("_first")):
        pytest.skip(f"{tool} is not installed")
    drip = [Receive(), Drip(token("slow"), every=0.3)]
    mints = [[Receive(), Send(token(each))] for each in sorted({*STEPS[tool]})]
    with WireServer(*mints, drip) as server:
        reported = run_program("frozen_clocks.py", tool, server.url.removesuffix("/token"))

    assert STEPS[tool] == reported["steps"]
    assert "transport.deadline" == reported["ended"]
    assert reported["took"] < 20  # the response takes longer, and each byte came in time


def test_fault_424_a_copy_of_a_process_draws_its_own_numbers():
    """424: jitter does not come from the state of `random`, which a restored process shares."""
    auth = CredicorpAuth(client_id="id", client_secret="s")
    runtime = next(each for each in vars(auth._engine).values() if isinstance(each, ServerRuntime))
    draws = set()
    for _ in range(2):
        random.seed(7)
        draws |= {runtime.random(), runtime.new_record_id()}

    assert 4 == len(draws)
