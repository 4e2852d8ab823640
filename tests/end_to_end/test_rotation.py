"""A client secret that is rotated in a mounted file while eight threads call the partner API."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from busy_callers import rotate_secret, rotate_under_load
from credicorp_auth import CredicorpAuth, errors
from credicorp_auth_urllib3 import BearerPoolManager

pytestmark = pytest.mark.slow


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Mount id and secret as files, as Kubernetes does; return what replaces the secret."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("client_id", "client_secret"):
        monkeypatch.setenv(f"CREDICORP_{name.upper()}_FILE", str(folder / name))

    def mount(client_id, secret):
        (folder / "client_id").write_text(client_id)
        (folder / "new").write_text(f"{secret}\n")
        (folder / "new").rename(folder / "client_secret")

    return mount


@pytest.fixture
def rotating(open_sandbox, mounted):
    """A sandbox whose tokens live for two seconds, the library beside it, and what publishes a secret."""
    sandbox = open_sandbox(expires_in=2.0, client_secret="canary-1")
    mounted(sandbox.client_id, "canary-1")
    with CredicorpAuth.from_env(base_url=sandbox.base_url, scope="decisions:read") as auth:
        yield sandbox, auth, lambda secret: mounted(sandbox.client_id, secret)


def test_three_rotations_under_load_fail_no_call(rotating):
    """Three rotations, each old secret revoked a second later: no call fails, two refusals each at most."""
    sandbox, auth, publish = rotating
    rotate = rotate_secret(sandbox, publish, overlap=1.0)
    outcome = rotate_under_load(sandbox, auth, rotate, least=3)

    outcome.assert_no_call_failed()
    assert 3 <= outcome.refusals <= 6


# What servers say to a client whose secret is wrong: status and error code.
REFUSALS = {
    "invalid_client": (401, "invalid_client"),
    "unauthorized_client": (400, "unauthorized_client"),
    "access_denied": (403, "access_denied"),
    "unauthorized": (401, "unauthorized"),
    "401": (401, ""),
    "401-unknown": (401, "bad_credentials"),
    "403": (403, ""),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_fault_199_394_rotation_under_each_name(rotating, refusal, scale, evidence):
    """199, 394: eight threads, old secrets refused at once by any name: no call fails."""
    sandbox, auth, publish = rotating
    sandbox.switches.client_refusal = REFUSALS[refusal]
    outcome = rotate_under_load(sandbox, auth, rotate_secret(sandbox, publish), seconds=60 * scale)

    evidence(f"rotation-{refusal}", **outcome.figures())
    outcome.assert_no_call_failed()
    assert 1 <= outcome.refusals


def test_fault_445_two_clients_overlap_and_the_fleet_switches(open_sandbox, tmp_path):
    """
    445: the operator's own advice: a second client, both work, cut over, a real call, revoke the first.

    Workers of both generations share one cache; none gets the other's token, and none fails.
    """
    sandbox = open_sandbox(expires_in=600.0)
    second = type(sandbox.client)("green-client", "green-secret", sandbox.client.scopes)
    sandbox.clients.add(second)
    cache = {"directory": str(tmp_path / "tokens")}

    def worker(client_id, secret):
        return CredicorpAuth(
            base_url=sandbox.base_url, client_id=client_id, client_secret=secret,
            scope="decisions:read", cache="file", cache_options=cache,
        )  # fmt: skip

    def call(auth):
        return BearerPoolManager(auth).request("GET", f"{sandbox.base_url}/decisions/dec_1").status

    blue = [worker(sandbox.client_id, sandbox.client_secret) for _ in range(2)]
    green = [worker("green-client", "green-secret") for _ in range(2)]
    assert [200] * 4 == [call(each) for pair in zip(blue, green, strict=True) for each in pair]
    values = [{each.get_token().value.reveal() for each in team} for team in (blue, green)]
    assert [1, 1] == [len(each) for each in values]
    assert values[0].isdisjoint(values[1])
    assert 2 == sandbox.counters["mints"]

    sandbox.client.revoke_secret(sandbox.client_secret)
    assert [200] * 2 == [call(each) for each in green]
    token = blue[0].get_token()
    assert 200 == call(blue[0])  # its token works until it ends
    blue[0].invalidate(token)
    with pytest.raises(errors.InvalidClient):
        blue[0].get_token()
    late = worker("green-client", "green-secret")
    assert 200 == call(late)
    assert 2 == sandbox.counters["mints"]
    for each in (*blue, *green, late):
        each.close()


def test_nobody_with_a_token_notices_that_the_secret_is_gone(open_sandbox, mounted):
    """While the file is away, held tokens serve on; without one, the error names the file and no value."""
    sandbox = open_sandbox(client_secret="canary-1")
    mounted(sandbox.client_id, "canary-1")
    path = Path(os.environ["CREDICORP_CLIENT_SECRET_FILE"])
    with CredicorpAuth.from_env(base_url=sandbox.base_url, scope="decisions:read") as auth:
        token = auth.get_token()
        path.unlink()
        assert all(token is auth.get_token() for _ in range(100))
        auth.forget_secrets()
        auth.invalidate(token)
        with pytest.raises(errors.SecretUnavailable, match="client_secret") as raised:
            auth.get_token()

    assert str(path) in str(raised.value)
    assert "canary" not in str(raised.value)
    assert 1 == sandbox.counters["token_requests"]
