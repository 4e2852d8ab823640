"""A service whose secret rotates in AWS while it works: faults 198 and 199, on real HTTP."""

from __future__ import annotations

import threading
import time

import pytest

from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import CredicorpAuthError, SecretUnavailable
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings
from credicorp_auth_urllib3 import BearerPoolManager

pytestmark = pytest.mark.slow

THREADS = 8
ROTATIONS = 3


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


def test_fault_199_rotation_under_load(sandbox, aws):
    """Three rotations under load: no call fails, and at most two token requests each are refused."""
    record = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
    name = aws.create(record)
    over = threading.Event()
    outcomes = []

    def keep_calling(auth):
        with BearerPoolManager(auth) as pool:
            while not over.is_set():
                try:
                    response = pool.request("GET", f"{sandbox.base_url}/decisions/dec_1")
                    outcomes.append(response.status)
                except CredicorpAuthError as error:
                    outcomes.append(repr(error))
                time.sleep(0.01)

    with connect(sandbox, aws, name) as auth:
        callers = [threading.Thread(target=keep_calling, args=(auth,)) for _ in range(THREADS)]
        for each in callers:
            each.start()
        for number in range(ROTATIONS):
            old, new = record["client_secret"], f"rotated-{number}"
            record = {**record, "client_secret": new}
            sandbox.client.add_secret(new)
            aws.put(name, record)
            time.sleep(0.5)
            sandbox.client.revoke_secret(old)
            minted = sandbox.counters["mints"]
            auth.invalidate(auth.get_token())  # the next is minted with the new secret alone
            while sandbox.counters["mints"] == minted:
                time.sleep(0.05)
        over.set()
        for each in callers:
            each.join()

    assert {200} == set(outcomes)
    assert sandbox.counters["token_refused"] <= 2 * ROTATIONS


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
