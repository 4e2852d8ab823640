"""A service whose secret rotates in AWS while it works: faults 198 and 199, on real HTTP."""

from __future__ import annotations

import pytest

from busy_callers import rotate_secret, rotate_under_load
from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

pytestmark = pytest.mark.slow


@pytest.fixture
def sandbox():
    """Start a partner API whose tokens outlive a machine that stands still for some seconds."""
    with Sandbox(SandboxSettings(expires_in=60)) as started:
        yield started


def connect(sandbox, aws, name, **options):
    """Connect to the partner API with the credentials that AWS keeps."""
    return CredicorpAuth(
        base_url=sandbox.base_url,
        scope="decisions:read",
        timeout=60,
        secrets="aws",
        secrets_options={
            "secret_id": name,
            "region": aws.region,
            "endpoint_url": aws.url,
            "timeout": 20,
            **options,
        },
    )


def test_fault_199_rotation_under_load(aws):
    """Three rotations under load: no call fails, and at most two token requests each are refused."""
    with Sandbox(SandboxSettings(expires_in=3, client_secret="canary-1")) as sandbox:
        record = {"client_id": sandbox.client_id, "client_secret": "canary-1"}
        name = aws.create(record)

        def publish(secret):
            aws.put(name, {**record, "client_secret": secret})

        with connect(sandbox, aws, name) as auth:
            rotate = rotate_secret(sandbox, publish, overlap=0.5)
            outcome = rotate_under_load(sandbox, auth, rotate, least=3)

    outcome.assert_no_call_failed()
    assert 3 == outcome.rotations


def test_a_source_in_trouble_disturbs_nobody_with_a_token(sandbox, mortal_aws):
    """While AWS is down, who holds a token works on; a newcomer is told what is down."""
    name = mortal_aws.create(
        {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    )
    with connect(sandbox, mortal_aws, name) as auth:
        token = auth.get_token()
        mortal_aws.stop()
        auth.forget_secrets()
        assert token == auth.get_token()
        with connect(sandbox, mortal_aws, name) as newcomer:
            with pytest.raises(SecretUnavailable) as caught:
                newcomer.get_token()

    assert ("secret.unavailable", True) == (caught.value.code, caught.value.retryable)


def test_members_by_other_names(sandbox, aws):
    """The credentials may lie under names of the operator's own."""
    name = aws.create({"username": sandbox.client_id, "password": sandbox.client_secret})
    fields = "client_id=username,client_secret=password"
    with connect(sandbox, aws, name, fields=fields) as auth:
        assert auth.header().startswith("Bearer ")


def test_all_of_it_from_the_environment(sandbox, aws, monkeypatch):
    """Variables alone are enough, and the id may come from a variable while AWS keeps the secret."""
    monkeypatch.setenv("CREDICORP_BASE_URL", sandbox.base_url)
    monkeypatch.setenv("CREDICORP_CLIENT_ID", sandbox.client_id)
    monkeypatch.setenv("CREDICORP_SECRETS", "aws")
    monkeypatch.setenv("CREDICORP_SECRETS_PARAMETER", aws.parameter(sandbox.client_secret))
    monkeypatch.setenv("CREDICORP_SECRETS_REGION", aws.region)
    monkeypatch.setenv("CREDICORP_SECRETS_ENDPOINT_URL", aws.url)
    monkeypatch.setenv("CREDICORP_SECRETS_TIMEOUT", "20")
    with CredicorpAuth.from_env(scope="decisions:read") as auth:
        assert auth.header().startswith("Bearer ")


@pytest.mark.parametrize(
    ("overlap", "stage"), [("previous", "AWSCURRENT"), ("pending", "AWSPENDING")]
)
def test_fault_198_a_server_that_is_early_or_late(sandbox, aws, overlap, stage):
    """Where the server knows the version before, or the next, but not the current one, that one is tried."""
    record = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    other = {**record, "client_secret": "not-yet-or-no-more"}
    first, second = (record, other) if overlap == "previous" else (other, record)
    name = aws.create(first)
    aws.put(name, second, stage)
    with connect(sandbox, aws, name, overlap=overlap) as auth:
        assert auth.header().startswith("Bearer ")

    assert (1, 1) == (sandbox.counters["token_refused"], sandbox.counters["mints"])
