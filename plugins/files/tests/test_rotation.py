"""The source under the engine: rotation under load, and a changed file at the next refused call."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from busy_callers import rotate_secret, rotate_under_load
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

    def publish(secret):
        volume.write(client_id=sandbox.client_id, client_secret=secret)

    outcome = rotate_under_load(sandbox, auth, rotate_secret(sandbox, publish), seconds=60 * scale)

    evidence("rotation-files", **outcome.figures())
    outcome.assert_no_call_failed()
