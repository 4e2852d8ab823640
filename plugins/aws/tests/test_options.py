"""What can be set, as objects and as the texts that the environment gives."""

from __future__ import annotations

import subprocess
import sys

import pytest

import credicorp_auth_aws
from credicorp_auth.errors import InvalidSetting
from credicorp_auth.plugin.api import SecretSource, SecretSourceCapabilities
from credicorp_auth.plugin.api.options import AdapterOptions
from credicorp_auth_aws import SourceOptions, plugin

VERSION = "11111111-2222-3333-4444-555555555555"
ROLE = "arn:aws:iam::123456789012:role/reader"


def read(**values):
    """Read options as the plugin does."""
    return AdapterOptions(values, setting="secrets_options").read(SourceOptions)


def test_defaults():
    """A secret's name is all that is needed."""
    options = read(secret_id="prod/credicorp")

    assert (2.0, "off", {}) == (options.timeout, options.overlap, options.fields)
    unset = ("parameter", "region", "profile", "role_arn", "endpoint_url", "stage", "version_id")
    assert {None} == {getattr(options, name) for name in unset}


def test_all_options_come_as_texts():
    """Each option may be a text, as the environment gives it."""
    options = read(
        secret_id="arn:aws:secretsmanager:eu-west-2:123456789012:secret:prod/credicorp-AbCdEf",
        region="eu-west-2",
        profile="prod account",
        role_arn=ROLE,
        endpoint_url="https://vpce-1.secretsmanager.eu-west-2.vpce.amazonaws.com/",
        stage="AWSPENDING",
        fields="client_id=username, client_secret=password",
        timeout="1.5",
        overlap="previous",
    )

    assert {"client_id": "username", "client_secret": "password"} == options.fields
    assert ("https://vpce-1.secretsmanager.eu-west-2.vpce.amazonaws.com", 1.5) == (
        options.endpoint_url,
        options.timeout,
    )


def test_fields_may_be_a_mapping():
    """A profile file may give `fields` as a table."""
    assert {"client_secret": "pass=word"} == read(
        parameter="/p", fields={"client_secret": "pass=word"}
    ).fields
    assert {"client_secret": "pass=word"} == read(
        parameter="/p", fields="client_secret=pass=word"
    ).fields


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({}, "neither of `secret_id` and `parameter`", id="nothing"),
        pytest.param({"secret_id": "a", "parameter": "/b"}, "both of `secret_id`", id="both"),
        pytest.param({"secret_id": ""}, "`secret_id`", id="empty"),
        pytest.param({"secret_id": "a b"}, "`secret_id`", id="white-space"),
        pytest.param({"secret_id": "é"}, "`secret_id`", id="not-ascii"),
        pytest.param({"secret_id": 7}, "`secret_id`", id="number"),
        pytest.param({"parameter": "x" * 2049}, "`parameter`", id="long"),
        pytest.param({"secret_id": "a", "region": "eu-west-2.evil.example/"}, "`region`", id="region"),
        pytest.param({"secret_id": "a", "region": ""}, "`region`", id="region-empty"),
        pytest.param({"secret_id": "a", "profile": " "}, "`profile`", id="profile"),
        pytest.param({"secret_id": "a", "role_arn": "reader"}, "`role_arn`", id="role"),
        pytest.param({"secret_id": "a", "stage": ""}, "`stage`", id="stage"),
        pytest.param({"secret_id": "a", "version_id": "1"}, "`version_id`", id="version"),
        pytest.param({"secret_id": "a", "endpoint_url": 7}, "`endpoint_url`", id="endpoint-number"),
        pytest.param({"secret_id": "a", "endpoint_url": "here"}, "`endpoint_url`", id="endpoint"),
        pytest.param({"secret_id": "a", "fields": "client_id"}, "`fields`", id="fields-half"),
        pytest.param({"secret_id": "a", "fields": "a=b,a=c"}, "`fields`", id="fields-twice"),
        pytest.param({"secret_id": "a", "fields": {"a": ""}}, "`fields`", id="fields-nothing"),
        pytest.param({"secret_id": "a", "fields": 7}, "`fields`", id="fields-number"),
        pytest.param({"secret_id": "a", "fields": [1]}, "`fields`", id="fields-list"),
        pytest.param({"secret_id": "a", "timeout": "soon"}, "`timeout`", id="timeout-word"),
        pytest.param({"secret_id": "a", "timeout": 0}, "`timeout`", id="timeout-none"),
        pytest.param({"secret_id": "a", "timeout": -1}, "`timeout`", id="timeout-negative"),
        pytest.param({"secret_id": "a", "timeout": 1e10}, "`timeout`", id="timeout-long"),
        pytest.param({"secret_id": "a", "timeout": "inf"}, "`timeout`", id="timeout-ever"),
        pytest.param({"secret_id": "a", "timeout": "nan"}, "`timeout`", id="timeout-nan"),
        pytest.param({"secret_id": "a", "timeout": True}, "`timeout`", id="timeout-true"),
        pytest.param({"secret_id": "a", "timeout": None}, "`timeout`", id="timeout-none-at-all"),
        pytest.param({"secret_id": "a", "overlap": "both"}, "`overlap`", id="overlap"),
        pytest.param({"parameter": "a", "stage": "AWSCURRENT"}, "`parameter` is set", id="p-stage"),
        pytest.param({"parameter": "a", "overlap": "previous"}, "`parameter` is set", id="p-overlap"),
        pytest.param({"parameter": "a", "version_id": VERSION}, "`parameter` is set", id="p-version"),
        pytest.param(
            {"secret_id": "a", "version_id": VERSION, "stage": "X"}, "`version_id`", id="v-stage"
        ),
        pytest.param(
            {"secret_id": "a", "version_id": VERSION, "overlap": "pending"},
            "`version_id`",
            id="v-overlap",
        ),
        pytest.param({"secret_id": "a", "token": "x"}, "secrets_options has no", id="unknown"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(values, named):
    """What cannot be, or contradicts another option, is refused by its name."""
    with pytest.raises(InvalidSetting) as caught:
        read(**values)

    assert named in str(caught.value)


@pytest.mark.parametrize(
    "url", ["http://aws.example", "http://127.0.0.1.example:4566", "http://0x7f000001:1"]
)
def test_plain_http_is_for_loopback(url):
    """An endpoint that is plain http beyond exact loopback is refused before anything is built."""
    with pytest.raises(InvalidSetting) as caught:
        read(secret_id="a", endpoint_url=url)

    assert "config.insecure_url" == caught.value.code
    assert (
        "http://127.0.0.1:4566"
        == read(secret_id="a", endpoint_url="http://127.0.0.1:4566").endpoint_url
    )


def test_the_hook_builds_the_source():
    """The plugin makes a source of its options, without asking AWS anything."""
    options = AdapterOptions({"secret_id": "a"}, setting="secrets_options")
    made = plugin.credicorp_secret_source(options)
    made.close()

    assert 1 == plugin.CREDICORP_API
    assert isinstance(made, SecretSource)
    assert (
        SecretSourceCapabilities(supplies_client_id=True, rotates=True, timeout=2.0)
        == made.capabilities
    )


def test_names_of_the_package():
    """The package gives what it names, when asked, and nothing else."""
    for name in credicorp_auth_aws.__all__:
        assert name == getattr(credicorp_auth_aws, name).__name__
    with pytest.raises(AttributeError, match="elsewhere"):
        credicorp_auth_aws.elsewhere  # noqa: B018 # the access is the test


@pytest.mark.parametrize(
    ("program", "loaded"),
    [
        ("import credicorp_auth_aws", "False"),
        ("import credicorp_auth_aws.plugin", "False"),
        ("from credicorp_auth_aws import AwsSecretSource", "True"),
    ],
)
def test_boto3_is_loaded_when_it_is_needed(program, loaded):
    """Looking at the package or its plugin loads no boto3; using it does."""
    show = "import sys; print('boto3' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", f"{program}\n{show}"], capture_output=True, check=True, text=True
    )

    assert loaded == ran.stdout.strip()
