"""Programs in a Python without names of Linux, and the servers that they ask."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from credicorp_auth_testing.sandbox import Sandbox
from redis_server import RedisServer, find_redis

PROGRAMS = Path(__file__).parent / "programs"
PLUGINS = Path(__file__).parents[2] / "plugins"
REGION = "eu-west-2"
FOREIGN = ("CREDICORP_", "AWS_", "VAULT_", "XDG_")


class System:
    """Python without the names that a system lacks, and settings for a sandbox."""

    def __init__(self, sandbox, name, home):
        self.name = name
        inherited = {key: os.environ[key] for key in os.environ if not key.startswith(FOREIGN)}
        self.environment = {
            **inherited,
            "HOME": str(home),
            "API": f"{sandbox.base_url}/decisions/dec_1",
            "CREDICORP_BASE_URL": sandbox.base_url,
            "CREDICORP_ISSUER": sandbox.issuer,
            "CREDICORP_AUDIENCE": sandbox.settings.audience,
            "CREDICORP_CLIENT_ID": sandbox.client_id,
            "CREDICORP_CLIENT_SECRET": sandbox.client_secret,
            "CREDICORP_SCOPE": "decisions:read",
        }

    def run(self, program, *arguments, **settings):
        """Run a program there; a setting that is None is left out."""
        environment = {**self.environment, **settings}
        return subprocess.run(
            [sys.executable, str(PROGRAMS / program), self.name, *arguments],
            env={name: value for name, value in environment.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def run_life(self, client="urllib3", **settings):
        """Run the whole life there; return what came of each step."""
        done = self.run("life.py", client, **settings)
        assert done.stdout, done.stderr[-4000:]
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def sandbox():
    """A real server."""
    with Sandbox() as opened:
        yield opened


@pytest.fixture
def become(sandbox, tmp_path):
    """Make the systems."""
    home = tmp_path / "home"
    home.mkdir()
    return lambda name: System(sandbox, name, home)


@pytest.fixture(params=["windows", "macos"])
def system(request, become):
    """A system without names of Linux."""
    return become(request.param)


@pytest.fixture
def redis_url():
    """A Redis of the test's own."""
    try:
        find_redis()
    except FileNotFoundError as missing:
        if os.environ.get("CREDICORP_CI") == "1":
            raise
        pytest.skip(str(missing))
    with RedisServer() as server:
        yield server.url


@pytest.fixture
def vault(sandbox):
    """Settings of a secret in a Vault."""
    spec = importlib.util.spec_from_file_location(
        "loopback_vault", PLUGINS / "vault/tests/loopback_vault.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with module.LoopbackVault() as server:
        server.write(client_id=sandbox.client_id, client_secret=sandbox.client_secret)
        yield {
            "CREDICORP_SECRETS_URL": server.origin,
            "CREDICORP_SECRETS_PATH": "app",
            "VAULT_TOKEN": server.root,
        }


@pytest.fixture
def aws(sandbox):
    """Settings of a secret in AWS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url, name = f"http://127.0.0.1:{server.get_host_and_port()[1]}", uuid4().hex
    client = boto3.client(
        "secretsmanager",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="operator",
        aws_secret_access_key="operator",
    )
    client.create_secret(Name=name, SecretString=json.dumps(record(sandbox)))
    yield {
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": "reader",
        "CREDICORP_SECRETS_REGION": REGION,
        "CREDICORP_SECRETS_ENDPOINT_URL": url,
        "CREDICORP_SECRETS_SECRET_ID": name,
        # Importing botocore takes its time.
        "CREDICORP_SECRETS_TIMEOUT": "60",
    }
    server.stop()


@pytest.fixture
def files(sandbox, tmp_path):
    """Settings of a secret in mounted files."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    for name, value in record(sandbox).items():
        (folder / name).write_text(value)
    return {"CREDICORP_SECRETS_DIRECTORY": str(folder)}


@pytest.fixture(name="exec")
def exec_settings(sandbox):
    """Settings of a secret that a program prints."""
    printed = json.dumps({"version": 1, **record(sandbox)})
    command = [sys.executable, "-I", "-c", f"print({printed!r})"]
    return {
        "CREDICORP_SECRETS_COMMAND": json.dumps(command),
        "CREDICORP_SECRETS_TIMEOUT": "60",
    }


@pytest.fixture
def env(sandbox):
    """Settings of a secret in a variable."""
    return {"CREDICORP_CLIENT_SECRET": sandbox.client_secret}


def record(sandbox):
    """Return what a secret source holds."""
    return {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret}
