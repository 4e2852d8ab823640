"""The source under the engine: rotation under load, and a changed file at the next refused call."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack

import pytest

from busy_callers import busy_callers
from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

pytestmark = pytest.mark.slow

REFUSED_CALLS = 5


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
def auth(sandbox, volume, stack):
    """The library as a service would set it up, id and secret from a volume."""
    volume.write(client_id=sandbox.client_id, client_secret="canary-1\n")
    made = CredicorpAuth(
        base_url=sandbox.base_url,
        scope="decisions:read",
        secrets="files",
        secrets_options={"directory": volume.directory},
    )
    return stack.enter_context(made)


# A counter of the server, and how far the first refusal takes it: it counts served introspections.
CALLS = {
    "token": ("token_requests", 1, CredicorpAuth.get_token),
    "introspection": ("introspections", 0, lambda auth: auth.introspect("a-token-of-somebody")),
}


@pytest.mark.parametrize("call", CALLS)
def test_fault_459_a_changed_file_works_at_the_next_refused_call(sandbox, auth, volume, call):
    """Refused calls read the files and ask the server nothing; the call after the change is served."""
    counter, first, ask = CALLS[call]
    sandbox.client.add_secret("canary-2")
    sandbox.client.revoke_secret("canary-1")
    for _ in range(REFUSED_CALLS):
        with pytest.raises(errors.TokenRequestRefused):
            ask(auth)
    asked = sandbox.counters[counter]
    volume.write(client_id=sandbox.client_id, client_secret="canary-2")

    assert ask(auth) is not None
    assert (first, first + 1) == (asked, sandbox.counters[counter])


def test_fault_199_rotation_under_load(sandbox, auth, volume, scale, evidence):
    """Eight threads, tokens of two seconds, rotations without end: no call fails."""
    began, rotations = time.monotonic(), 0
    with busy_callers(auth, f"{sandbox.base_url}/decisions/dec_1") as (statuses, failures):
        for number in itertools.count(2):
            sandbox.client.add_secret(f"canary-{number}")
            volume.write(client_id=sandbox.client_id, client_secret=f"canary-{number}")
            sandbox.client.revoke_secret(f"canary-{number - 1}")
            rotations += 1
            mints = sandbox.counters["mints"]
            while sandbox.counters["mints"] < mints + 2 and not failures:
                time.sleep(0.02)
            if failures or time.monotonic() > began + 60 * scale:
                break

    evidence(
        "rotation-files",
        seconds=round(time.monotonic() - began, 1),
        calls=len(statuses),
        rotations=rotations,
        refusals=sandbox.counters["token_refused"],
        failed=len(failures),
    )
    assert [] == failures
    assert {200} == set(statuses)
    assert sandbox.counters["token_refused"] <= 2 * rotations
