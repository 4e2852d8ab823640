"""An AWS of the tests' own: moto, as a server on loopback, and nothing of the machine's own AWS."""

from __future__ import annotations

import json
import os
import threading
import uuid
from contextlib import ExitStack

import boto3
import pytest
from moto.server import ThreadedMotoServer

from credicorp_auth.engine.guarded_adapters import GuardedSecretSource
from credicorp_auth.errors import SecretUnavailable
from credicorp_auth.plugin.api import Provider
from credicorp_auth_aws import AwsSecretSource, SourceOptions

REGION = "eu-west-2"


class Aws:
    """Secrets and parameters on a moto server, put there as an operator does."""

    def __init__(self):
        self.port, self.region = 0, REGION
        self.start()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secrets, self.parameters = (
            boto3.client(
                service,
                region_name=REGION,
                endpoint_url=self.url,
                aws_access_key_id="operator",
                aws_secret_access_key="operator",
            )
            for service in ("secretsmanager", "ssm")
        )

    def start(self):
        """Serve, on the same port as before."""
        self.server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self.server.start()
        _, self.port = self.server.get_host_and_port()

    def stop(self):
        """Serve no more."""
        self.server.stop()
        self.server = None

    def create(self, value, **more):
        """Keep a secret under a new name, and return the name."""
        name = f"tests/{uuid.uuid4().hex}"
        content = value if isinstance(value, str | bytes) else json.dumps(value)
        kind = "SecretBinary" if isinstance(content, bytes) else "SecretString"
        self.secrets.create_secret(Name=name, **{kind: content}, **more)
        return name

    def put(self, name, value, *stages):
        """Keep another version of a secret, and return its id."""
        labels = {"VersionStages": list(stages)} if stages else {}
        response = self.secrets.put_secret_value(
            SecretId=name, SecretString=json.dumps(value), **labels
        )
        return response["VersionId"]

    def parameter(self, value, name=None):
        """Keep a parameter, under a new name unless one is given, and return the name."""
        text = value if isinstance(value, str) else json.dumps(value)
        name = name or f"/tests/{uuid.uuid4().hex}"
        self.parameters.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)
        return name


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch, tmp_path):
    """Leave nothing of the machine's own AWS, and give the process a harmless identity."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-key")


@pytest.fixture(scope="session")
def aws():
    """Start one AWS for all."""
    made = Aws()
    yield made
    made.stop()


@pytest.fixture
def mortal_aws(aws):
    """Give the one AWS to a test that may stop it; what it keeps outlives that."""
    yield aws
    if aws.server is None:
        aws.start()


@pytest.fixture
def open_source():
    """Build sources, and close them after the test."""
    with ExitStack() as opened:

        def open_one(url=None, **options):
            defaults = {"region": REGION, "timeout": 20, "endpoint_url": url}
            source = AwsSecretSource(SourceOptions(**{**defaults, **options}))
            opened.callback(source.close)
            return source

        yield open_one


class Watched:
    """A source as an engine uses it: under a guard, which tells when it is well again."""

    def __init__(self, source):
        self.recovered = threading.Event()
        self.source = GuardedSecretSource(source, Provider("aws"), emit=self.emit)

    def emit(self, name, **_fields):
        """Note the end of trouble."""
        if name == "adapter.recovered":
            self.recovered.set()

    def fetch(self, names):
        """Read within the time that the source states."""
        return self.source.fetch(names, timeout=self.source.capabilities.timeout)

    def late(self, names):
        """Return the error of a read that takes too long."""
        with pytest.raises(SecretUnavailable) as raised:
            self.fetch(names)
        return raised.value


@pytest.fixture
def watch():
    """Put sources under a guard, until the test ends."""
    with ExitStack() as opened:

        def watch_one(source):
            watched = Watched(source)
            opened.callback(watched.source.close)
            return watched

        yield watch_one
