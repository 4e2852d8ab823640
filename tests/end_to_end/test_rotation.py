"""A client secret that is rotated in a mounted file while eight threads call the partner API."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

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


def test_three_rotations_under_load_fail_no_call(open_sandbox, mounted):
    """Three rotations, each old secret revoked a second later: no call fails, two refusals each at most."""
    sandbox = open_sandbox(expires_in=2.0, client_secret="canary-1")
    mounted(sandbox.client_id, "canary-1")
    stopped, statuses, failures = threading.Event(), [], []
    with CredicorpAuth.from_env(base_url=sandbox.base_url, scope="decisions:read") as auth:
        pool = BearerPoolManager(auth, maxsize=8)

        def work():
            while not stopped.is_set():
                try:
                    got = pool.request("GET", f"{sandbox.base_url}/decisions/dec_1")
                    statuses.append(got.status)
                except errors.CredicorpAuthError as error:
                    failures.append(error)
                time.sleep(0.02)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for each in threads:
            each.start()
        for number in range(1, 4):
            sandbox.client.add_secret(f"canary-{number + 1}")
            mounted(sandbox.client_id, f"canary-{number + 1}")
            time.sleep(1.0)
            sandbox.client.revoke_secret(f"canary-{number}")
            mints = sandbox.counters["mints"]
            while sandbox.counters["mints"] < mints + 2 and not failures:
                time.sleep(0.02)
        stopped.set()
        for each in threads:
            each.join()

    assert [] == failures
    assert {200} == set(statuses)
    assert 3 <= sandbox.counters["token_refused"] <= 6


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
