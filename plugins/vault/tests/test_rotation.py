"""The source under the engine: no token request without a secret, and rotation under load."""

from __future__ import annotations

import itertools
import threading

import pytest
from loopback_vault import Reply, refusal

from busy_callers import rotate_secret, rotate_under_load
from credicorp_auth import CredicorpAuth
from credicorp_auth.errors import SecretUnavailable
from credicorp_auth_testing.sandbox import Sandbox, SandboxSettings

POLICY = ["secret/data/app"]
# What differs between ages of Vault is the source's business, and tested with it.
pytestmark = [
    pytest.mark.parametrize("vault", ["newer"], indirect=True),
    pytest.mark.slow,
]


@pytest.fixture
def sandbox(stack):
    """An authorization server and API whose tokens live for three seconds."""
    return stack.enter_context(Sandbox(SandboxSettings(expires_in=3, client_secret="canary-1")))


@pytest.fixture
def auth(vault, sandbox, stack):
    """The library as a service would set it up: all options as text, AppRole, id and secret in Vault."""
    vault.write(client_id=sandbox.client_id, client_secret="canary-1")
    vault.allow("approle", "role", POLICY, ttl=90)
    vault.secret_ids["canary-secret-id"] = 1
    made = CredicorpAuth(
        base_url=sandbox.base_url,
        scope="decisions:read",
        secrets="vault",
        secrets_options={
            "url": vault.origin,
            "path": "app",
            "auth": "approle",
            "role_id": "role",
            "secret_id": "canary-secret-id",
            "timeout": "20",
        },
    )
    return stack.enter_context(made)


def test_fault_199_rotation_under_load(vault, sandbox, auth):
    """Three rotations under eight busy threads: no call fails, at most two refusals for each."""

    def publish(secret):
        vault.write(client_id=sandbox.client_id, client_secret=secret)

    rotate = rotate_secret(sandbox, publish, overlap=1.0)
    outcome = rotate_under_load(sandbox, auth, rotate, least=3)

    outcome.assert_no_call_failed()
    assert 3 <= outcome.refusals <= 6
    assert 1 == vault.count("/login")


def test_overlap_bridges_a_secret_written_too_early(vault, sandbox, stack):
    """With `overlap`, a new version that the server does not know yet costs one refusal."""
    for secret in ("canary-1", "canary-not-known-yet"):
        vault.write(client_id=sandbox.client_id, client_secret=secret)
    options = {
        "url": vault.origin,
        "path": "app",
        "token": vault.root,
        "overlap": "previous",
        "timeout": "20",
    }
    auth = CredicorpAuth(
        base_url=sandbox.base_url,
        scope="decisions:read",
        secrets="vault",
        secrets_options=options,
    )
    stack.enter_context(auth)

    assert auth.header().startswith("Bearer ")
    assert 1 == sandbox.counters["token_refused"]


def test_all_from_the_environment(vault, sandbox, stack, monkeypatch):
    """A service may be set up by variables alone."""
    vault.write("svc", user=sandbox.client_id, password="canary-1")
    for name, value in {
        "CREDICORP_BASE_URL": sandbox.base_url,
        "CREDICORP_SECRETS": "vault",
        "CREDICORP_SECRETS_PATH": "svc",
        "CREDICORP_SECRETS_TIMEOUT": "20",
        "CREDICORP_SECRETS_FIELDS": "client_id=user,client_secret=password",
        "VAULT_ADDR": vault.origin,
        "VAULT_TOKEN": vault.root,
    }.items():
        monkeypatch.setenv(name, value)
    auth = stack.enter_context(CredicorpAuth.from_env(scope="decisions:read"))

    assert auth.header().startswith("Bearer ")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        pytest.param(refusal(404), "secret.missing", id="180-missing"),
        pytest.param(refusal(503, "Vault is sealed"), "secret.unavailable", id="189-sealed"),
        pytest.param(refusal(403, "permission denied"), "secret.denied", id="190-denied"),
        pytest.param(Reply(200, {"data": "canary"}), "secret.invalid", id="184-no-record"),
    ],
)
def test_no_secret_no_token_request(vault, sandbox, auth, reply, code):
    """Without a secret nothing is asked of the token endpoint, and the code says why."""
    vault.scripted_paths, vault.script = "data/app", [reply] * 9
    with pytest.raises(SecretUnavailable) as caught:
        auth.get_token()

    assert code == caught.value.code
    assert 0 == sandbox.counters["token_requests"]


def test_fault_189_a_valid_token_is_served_while_vault_is_away(vault, sandbox, auth):
    """A held token needs no Vault."""
    token = auth.get_token()
    vault.script = [refusal(503, "Vault is sealed")] * 9

    assert token.value == auth.get_token().value


def test_fault_201_a_herd_reads_the_secret_once(vault, auth):
    """A hundred threads without a token cost one login and one read."""
    tokens = []
    threads = [threading.Thread(target=lambda: tokens.append(auth.get_token())) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 100 == len(tokens)
    assert (1, 1) == (vault.count("/login"), vault.count("data/app"))


def test_fault_203_forgetting_reads_anew(vault, auth, sandbox):
    """A secret that was forgotten is read again, and nothing but Vault has it."""
    counts = itertools.count(1)
    for _ in range(2):
        auth.get_token()
        auth.forget_secrets()
        auth.invalidate(auth.get_token())

        assert next(counts) <= vault.count("data/app")
