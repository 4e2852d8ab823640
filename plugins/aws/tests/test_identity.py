"""With which identity AWS is asked, where, and what happens when none can be had in time."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import pytest

from credicorp_auth.engine.single_flight.thread import running_threads
from credicorp_auth.errors import InvalidSetting, SecretUnavailable
from credicorp_auth_aws import SourceOptions
from credicorp_auth_testing.contracts.secret_source.harness import refusal
from credicorp_auth_testing.wire import Hold, Receive, Send, WireServer, response

pytestmark = pytest.mark.slow

NAMES = ["client_secret"]
KEPT = response(b'{"Name": "a", "VersionId": "v1", "SecretString": "s3cret"}')
ROLE = "arn:aws:iam::123456789012:role/reader"


def base(server):
    """Return the address of a scripted server."""
    return server.url.removesuffix("/token")


def refused(kind):
    """Build the answer of an AWS that refuses."""
    return response(json.dumps({"__type": kind}).encode(), status="400 Bad Request")


def keys_of_role(key, *, lasting):
    """Build the answer of an STS that lends the keys of a role for so many seconds."""
    end = (datetime.now(UTC) + timedelta(seconds=lasting)).isoformat()
    keys = {"AccessKeyId": key, "SecretAccessKey": "lent", "SessionToken": "t", "Expiration": end}
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
    inside = f"<AssumeRoleResult><Credentials>{inside}</Credentials></AssumeRoleResult>"
    body = f"<AssumeRoleResponse>{inside}</AssumeRoleResponse>".encode()
    return response(body, headers=[("Content-Type", "text/xml")])


def keys_seen(server):
    """List the access keys with which a server was asked, in their order."""
    seen = b"".join(each.received for each in server.connections)
    return re.findall(r"Credential=([^/]+)/", seen.decode())


def regions_seen(server):
    """List the regions for which requests to a server were signed."""
    seen = b"".join(each.received for each in server.connections)
    return re.findall(r"Credential=[^/]+/\d+/([^/]+)/", seen.decode())


@pytest.fixture
def kept():
    """Play an AWS that keeps one secret."""
    with WireServer([Receive(), Send(KEPT)]) as server:
        yield server


def test_the_environment_is_asked_first(kept, open_source):
    """Keys in AWS's own variables are used."""
    open_source(base(kept), secret_id="a").fetch(NAMES, timeout=5)

    assert ["AKIAEXAMPLE"] == keys_seen(kept)


def test_a_profile(kept, open_source, tmp_path):
    """The profile that was set gives keys and region, no matter what the environment holds."""
    (tmp_path / "credentials").write_text(
        "[prod]\naws_access_key_id = AKIAPROD\naws_secret_access_key = not-a-real-key\n"
    )
    (tmp_path / "config").write_text("[profile prod]\nregion = eu-central-1\n")
    open_source(base(kept), secret_id="a", profile="prod", region=None).fetch(NAMES, timeout=5)

    assert (["AKIAPROD"], ["eu-central-1"]) == (keys_seen(kept), regions_seen(kept))


def test_a_profile_that_is_not_there(kept, open_source):
    """A profile nobody wrote gives no identity, and nobody is asked."""
    error = refusal(open_source(base(kept), secret_id="a", profile="prod"), NAMES)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert "ProfileNotFound" in str(error)
    assert [] == kept.connections


@pytest.mark.parametrize("text", ["not a file of AWS", "[default]\naws_access_key_id = AKIAHALF\n"])
def test_files_that_give_no_keys(kept, open_source, monkeypatch, tmp_path, text):
    """Files that cannot be read, or hold half of a pair, give no identity."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "credentials").write_text(text)
    error = refusal(open_source(base(kept), secret_id="a"), NAMES)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert "AWS identity" in str(error)


def test_no_identity_at_all(kept, open_source, monkeypatch):
    """Where no link of AWS's chain has keys, that is what is said."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = refusal(open_source(base(kept), secret_id="a"), NAMES)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert "NoCredentialsError" in str(error)
    assert [] == kept.connections


def test_replaced_keys_are_found(open_source, monkeypatch):
    """After a refusal AWS's chain is asked again, so that keys which were replaced count."""
    first = [Receive(), Send(refused("ExpiredTokenException"))]
    with WireServer(first, [Receive(), Send(KEPT)]) as server:
        source = open_source(base(server), secret_id="a")
        error = refusal(source, NAMES)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREPLACED")
        fetched = source.fetch(NAMES, timeout=5)

    assert "secret.denied" == error.code
    assert "s3cret" == fetched.fields["client_secret"].reveal()
    assert ["AKIAEXAMPLE", "AKIAREPLACED"] == keys_seen(server)


def test_connections_are_kept_and_closed(open_source):
    """Fetches share a connection, which ends with the source."""
    with WireServer([Receive(), Send(KEPT), Receive(), Send(KEPT), Hold()]) as server:
        source = open_source(base(server), secret_id="a")
        source.fetch(NAMES, timeout=5)
        source.fetch(NAMES, timeout=5)
        source.close()
        for thread in server._threads[1:]:
            thread.join()

    assert [True] == [each.ended_by_client for each in server.connections]


def test_fault_291_connections_of_the_parent_are_left_alone(open_source):
    """After a fork the child asks on a connection of its own, and the parent keeps the old one."""
    script = [Receive(), Send(KEPT), Receive(), Send(KEPT)]
    with WireServer(script) as server:
        source = open_source(base(server), secret_id="a")
        source.fetch(NAMES, timeout=5)
        child = os.fork()
        if child == 0:  # pragma: no cover # measured in the parent only
            source.after_fork()
            source.fetch(NAMES, timeout=5)
            os._exit(0)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        source.fetch(NAMES, timeout=5)

    assert [2, 1] == [each.received.count(b"POST / ") for each in server.connections]


# --- region and endpoint --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "environment", "expected"),
    [
        ("eu-west-2", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}, "eu-west-2"),
        (None, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2"),
        (None, {"AWS_REGION": "us-east-1"}, "us-east-1"),
    ],
)
def test_regions(kept, open_source, monkeypatch, option, environment, expected):
    """The region is the one that was set, else that of the environment, by either name."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    fetched = open_source(base(kept), secret_id="a", region=option).fetch(NAMES, timeout=5)

    assert [expected] == regions_seen(kept)
    assert f"({expected})" in fetched.provenance


ARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:prod/credicorp-AbCdEf"
PARAMETER_ARN = "arn:aws-us-gov:ssm:us-gov-west-1:123456789012:parameter/prod/credicorp"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"secret_id": ARN}, "eu-north-1"),
        ({"secret_id": ARN, "region": "eu-north-1"}, "eu-north-1"),
        ({"parameter": PARAMETER_ARN}, "us-gov-west-1"),
        ({"secret_id": "arn:of-nothing"}, "us-east-1"),
    ],
)
def test_an_arn_states_the_region(kept, open_source, monkeypatch, options, expected):
    """The region in an ARN comes before that of the environment, which may be of something else."""
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with suppress(SecretUnavailable):  # what is kept there is a secret, and no parameter
        open_source(base(kept), **{"region": None, **options}).fetch(NAMES, timeout=5)

    assert expected in regions_seen(kept)


def test_a_region_that_contradicts_the_arn():
    """Two regions are refused when the source is built, and both are named."""
    with pytest.raises(InvalidSetting, match=r"eu-west-2.*eu-north-1") as caught:
        SourceOptions(secret_id=ARN, region="eu-west-2")

    assert "region" in caught.value.hint


def test_no_region(kept, open_source):
    """Without a region nobody is asked, and all the places that could name one are told."""
    error = refusal(open_source(base(kept), secret_id="a", region=None), NAMES)

    assert ("secret.unavailable", False) == (error.code, error.retryable)
    assert "AWS_REGION" in error.hint
    assert [] == kept.connections


@pytest.mark.parametrize("scheme", ["http:", "HTTP:"])
def test_an_endpoint_of_the_environment(kept, open_source, monkeypatch, scheme):
    """AWS's own variable for the endpoint is honoured on loopback, past any proxy."""
    with WireServer([Hold()]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", base(proxy))
        monkeypatch.setenv("AWS_ENDPOINT_URL", base(kept).replace("http:", scheme))
        fetched = open_source(secret_id="a").fetch(NAMES, timeout=5)

    assert "s3cret" == fetched.fields["client_secret"].reveal()
    assert [] == proxy.connections


@pytest.mark.parametrize("scheme", ["http:", "HTTP:"])
def test_an_endpoint_that_was_set_is_asked_directly(kept, open_source, monkeypatch, scheme):
    """Plain http to loopback never goes to a proxy, which could read it."""
    with WireServer([Hold()]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", base(proxy))
        open_source(base(kept).replace("http:", scheme), secret_id="a").fetch(NAMES, timeout=5)

    assert [] == proxy.connections


def test_an_https_endpoint_of_the_environment_is_used(open_source, monkeypatch):
    """An endpoint that AWS's variable names is asked under https, through the proxy if there is one."""
    with WireServer([Receive(), Send(response(status="403 Forbidden"))]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", base(proxy))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://aws.example")
        error = refusal(open_source(secret_id="a"), NAMES)

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert {b"CONNECT aws.example:443"} == {each.received[:23] for each in proxy.connections}


def test_an_endpoint_of_the_environment_that_is_plain_http(open_source, monkeypatch):
    """AWS's own variable cannot lead to plain http beyond loopback either."""
    with WireServer([Hold()]) as proxy:
        monkeypatch.setenv("HTTP_PROXY", base(proxy))
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://aws.example")
        with pytest.raises(InvalidSetting) as caught:
            open_source(secret_id="a").fetch(NAMES, timeout=5)

    assert "config.insecure_url" == caught.value.code
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)
    assert [] == proxy.connections


# --- roles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lasting", "assumed"), [(3600, 1), (30, 3)])
def test_a_role_is_assumed(kept, open_source, monkeypatch, lasting, assumed):
    """The role's keys are used, and asked for again once they end within a minute."""
    with WireServer([Receive(), Send(keys_of_role("ASIAROLE", lasting=lasting))]) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", base(sts))
        source = open_source(base(kept), secret_id="a", role_arn=ROLE)
        for _ in range(3):
            source.fetch(NAMES, timeout=5)

    assert ["AKIAEXAMPLE"] * assumed == keys_seen(sts)
    assert ["ASIAROLE"] * 3 == keys_seen(kept)
    asked = sts.connections[0].received
    assert b"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader" in asked


def test_a_role_that_may_not_be_assumed(kept, open_source, monkeypatch):
    """STS's refusal is a denial, and the secret is not asked for."""
    body = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    with WireServer([Receive(), Send(response(body, status="403 Forbidden"))]) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", base(sts))
        error = refusal(open_source(base(kept), secret_id="a", role_arn=ROLE), NAMES)

    assert ("secret.denied", False) == (error.code, error.retryable)
    assert "AccessDenied" in str(error)
    assert [] == kept.connections


def test_a_role_on_moto(aws, open_source, monkeypatch):
    """An STS that lends keys for an hour leads to the secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", aws.url)
    source = open_source(aws.url, secret_id=aws.create({"client_secret": "x"}), role_arn=ROLE)

    assert "x" == source.fetch(NAMES, timeout=5).fields["client_secret"].reveal()


# --- chains that hang -----------------------------------------------------------------------------


def workers():
    """Count the threads of calls that have not returned."""
    return sum(each.startswith("credicorp-guard") for each in running_threads())


@pytest.fixture
def no_keys(monkeypatch):
    """Leave AWS's chain without keys in the environment."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")


@pytest.fixture
def hanging_program(no_keys, tmp_path):
    """Let the chain end in a program that says nothing until it is told what."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {fifo}\n")
    end = os.open(fifo, os.O_RDWR)  # so that neither end waits for the other to be opened

    def emit(key):
        keys = {"Version": 1, "AccessKeyId": key, "SecretAccessKey": "not-a-real-key"}
        os.write(end, json.dumps(keys).encode())
        os.close(end)

    with ExitStack() as untold:
        untold.callback(emit, "AKIALATE")

        def tell_now(key):
            untold.pop_all()
            emit(key)

        yield tell_now


def test_fault_197_a_silent_metadata_service(kept, open_source, watch, no_keys, monkeypatch):
    """Where the instance's metadata service says nothing, it is not waited for beyond the time."""
    with WireServer([Hold()]) as imds:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{base(imds)}/")
        monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "60")
        error = watch(open_source(base(kept), secret_id="a", timeout=0.5)).late(NAMES)
        while not imds.connections:  # a slow machine is not there yet
            time.sleep(0.01)
        given_up = imds.connections[0].ended_by_client

    assert not given_up
    assert ("secret.timeout", True) == (error.code, error.retryable)
    assert [] == kept.connections


def test_a_program_that_fails(kept, open_source, no_keys, tmp_path):
    """A link of AWS's chain that is there and fails may work again later."""
    (tmp_path / "config").write_text("[default]\ncredential_process = false\n")
    error = refusal(open_source(base(kept), secret_id="a"), NAMES)

    assert ("secret.unavailable", True) == (error.code, error.retryable)
    assert "CredentialRetrievalError" in str(error)
    assert [] == kept.connections


def test_fault_197_one_thread_hangs_at_most(kept, open_source, watch, hanging_program):
    """While one call hangs, no other is begun; when it comes to an end, its keys are used."""
    watched = watch(open_source(base(kept), secret_id="a", timeout=0.5))
    errors = [watched.late(NAMES) for _ in range(3)]
    hanging = workers()
    hanging_program("AKIALATE")
    assert watched.recovered.wait(60)

    assert 1 == hanging
    assert {("secret.timeout", True)} == {(each.code, each.retryable) for each in errors}
    assert "s3cret" == watched.fetch(NAMES).fields["client_secret"].reveal()
    assert {"AKIALATE"} == set(keys_seen(kept))


def test_fault_197_a_child_does_not_wait_for_it(
    kept, open_source, watch, hanging_program, monkeypatch
):
    """In the child of a fork the call that hangs in the parent delays nothing."""
    watched = watch(open_source(base(kept), secret_id="a", timeout=0.5))
    watched.late(NAMES)
    watched.source.after_fork()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACHILD")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-real-key")

    assert "s3cret" == watched.source.fetch(NAMES, timeout=20).fields["client_secret"].reveal()
    assert {"AKIACHILD"} == set(keys_seen(kept))
